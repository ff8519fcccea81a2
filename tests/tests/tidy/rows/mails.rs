//! B20 to B33: headers, parts and names of mails.

use super::Row;

const BANNED_TRICKS: &str = "inspect/src/banned/tests/tricks.rs";
const GUARD: &str = "inspect/src/attachments/guard/tests.rs";
const HEADER: &str = "inspect/src/attachments/header/tests.rs";
const DECODE: &str = "inspect/src/attachments/decode.rs";
const SIGNATURES: &str = "inspect/src/attachments/signatures/tests.rs";
const GUESS: &str = "inspect/src/walk/guess.rs";
const WALK: &str = "inspect/src/walk/tests.rs";
const ARCHIVES: &str = "inspect/src/walk/tests/archives.rs";
const CLAMAV: &str = "inspect/src/walk/tests/clamav.rs";
const READINGS: &str = "inspect/src/walk/tests/readings.rs";
const TRICKS: &str = "inspect/src/walk/tests/tricks.rs";
const MORE: &str = "inspect/src/walk/tests/rows.rs";
const EXTREMES: &str = "tests/tests/e2e/bombs/extremes.rs";
const CHILDREN: &str = "tests/tests/e2e/inspect.rs";
const CONTRACT: &str = "tests/tests/e2e/contract/content.rs";

pub(super) const MAILS: [Row; 14] = [
    Row {
        id: "B20",
        input: "NUL in header, in body, in file name",
        tests: &[
            (MORE, &["b20_nul_in_header_and_body_hides_no_part"]),
            (BANNED_TRICKS, &["names_are_banned_in_every_disguise_and_honest_ones_are_not"]),
            (TRICKS, &["hidden_names_are_banned"]),
            (CONTRACT, &["eight_bit_and_control_bytes_come_out_byte_for_byte"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B21",
        input: "10 000 headers; a header of 2 MB; 100 000 Received; no colon; a blank in front; only CR between headers",
        tests: &[
            (EXTREMES, &["thousands_of_anything_are_bounded_and_not_lost"]),
            (MORE, &["b21_header_sections_of_any_form_are_bounded_and_hide_nothing"]),
            (GUARD, &["header_bytes_at_both_sides_of_the_limit", "header_lines_at_both_sides_of_the_limit"]),
            (CONTRACT, &["bare_line_ends_are_repaired"]),
            ("ingress/src/session/tests/content.rs", &["a_looping_mail_is_refused"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B22",
        input: "our own verdict headers",
        tests: &[
            (CONTRACT, &["our_own_verdict_fields_are_not_believed"]),
            (
                "egress/src/splice/tests.rs",
                &[
                    "stripping_takes_whole_fields_and_nothing_else",
                    "what_is_stripped_is_gone_and_the_body_stays",
                ],
            ),
        ],
        not_proven: "Authentication-Results: we add none, so none can be taken for ours",
    },
    Row {
        id: "B23",
        input: "names of viruses, rules and files with CR, LF, =?, 8 bits, 10 KB",
        tests: &[
            (
                "worker/src/text.rs",
                &["a_hostile_name_becomes_short_plain_text", "a_name_is_cut_at_the_limit"],
            ),
            ("worker/src/scanners/spam.rs", &["whatever_a_scanner_says_stays_short_and_printable"]),
            ("proto/src/reply.rs", &["a_hostile_text_stays_one_short_line"]),
            (
                "egress/src/splice/tests.rs",
                &["nothing_in_a_value_ends_its_line", "a_field_is_well_formed_whatever_its_value"],
            ),
        ],
        not_proven: "",
    },
    Row {
        id: "B24",
        input: "Content-Type, boundary, encoding, disposition or file name twice, with other values",
        tests: &[
            (READINGS, &["what_only_some_readers_find_is_found_and_told", "no_second_boundary_hides_a_part"]),
            (WALK, &["what_can_be_read_in_two_ways_is_ambiguous"]),
            (TRICKS, &["hidden_names_are_banned", "where_readers_may_disagree_every_part_s_header_counts"]),
            (HEADER, &["two_boundaries_that_differ_are_ambiguous"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B25",
        input: "name, file name, RFC 2231 and RFC 2047 that differ; gaps, order, folds",
        tests: &[
            (HEADER, &["every_client_s_reading_is_among_them", "parameters_at_both_sides_of_their_limits"]),
            (TRICKS, &["hidden_names_are_banned"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B26",
        input: "boundaries: missing, empty, half in quotes, 2 KB, of the parent, prefix of another, blanks, no end, comment, NUL",
        tests: &[
            (READINGS, &["what_only_some_readers_find_is_found_and_told", "what_all_readers_find_is_found"]),
            (READINGS, &["a_delimiter_within_a_body_does_not_cut_it_for_all_readers"]),
            (MORE, &["b26_a_boundary_of_two_kilobytes_or_without_an_end_loses_no_part"]),
            (GUARD, &["a_part_behind_the_end_of_its_multipart_is_ambiguous"]),
            (
                WALK,
                &[
                    "no_structure_hides_the_part_behind_it",
                    "a_banned_part_is_found_whatever_stands_before_it",
                ],
            ),
        ],
        not_proven: "",
    },
    Row {
        id: "B27",
        input: "base64 and quoted-printable with mistakes; uuencode, yEnc, BinHex in text",
        tests: &[
            (
                READINGS,
                &["what_all_readers_find_is_found", "encoded_files_in_text_are_found_wherever_the_text_is"],
            ),
            (DECODE, &["base64_is_read_through_junk", "quoted_printable_is_read_through_mistakes"]),
            (MORE, &["b27_breaks_of_every_kind_and_long_lines_are_read_and_binhex_is_told"]),
            (
                "unpack/tests/documents/text.rs",
                &["every_uuencoded_block_in_a_mail_is_given", "every_yenc_block_in_a_mail_is_given"],
            ),
        ],
        not_proven: "BinHex is told by its type and not decoded; the virus scanner gets it in the whole mail. A soft \
                     break of a bare CR cannot be: ingress repairs it first",
    },
    Row {
        id: "B28",
        input: "an encoding on a multipart or a message; an unknown one; 7bit with 8 bits",
        tests: &[
            (READINGS, &["encoded_containers_of_parts_are_decoded"]),
            (TRICKS, &["nested_messages_that_are_encoded_are_decoded", "hidden_contents_are_banned"]),
            (MORE, &["b28_eight_bits_in_what_says_that_it_has_seven_count"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B29",
        input: "ends of headers: CRLF CR LF, LF LF, none, a field behind the empty line",
        tests: &[
            (READINGS, &["what_only_some_readers_find_is_found_and_told"]),
            (GUESS, &["doubtful_ends", "bodies_that_begin_without_an_empty_line_are_found"]),
            (TRICKS, &["parts_without_an_empty_line_are_not_lost"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B30",
        input: "1 000 multiparts and messages in each other, message/partial, message/external-body, 100 000 parts",
        tests: &[
            (EXTREMES, &["thousands_of_anything_are_bounded_and_not_lost"]),
            (CHILDREN, &["forty_thousand_nested_messages_are_over_the_limit"]),
            (
                GUARD,
                &["a_thousand_nested_multiparts", "a_hundred_thousand_parts", "the_guard_is_an_upper_bound"],
            ),
            (GUARD, &["as_many_nested_messages_as_the_limit_of_parts_do_not_overflow_the_stack"]),
            (TRICKS, &["hidden_names_are_banned"]),
            (READINGS, &["an_external_body_is_judged_by_what_it_says_and_nothing_else"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B31",
        input: "TNEF, OLE, MSG, EML in zip, PDF with a file in it, HTML with data: URL, ICS and VCF with base64",
        tests: &[
            (CLAMAV, &["each_has_its_type_and_what_is_in_it_has_its_name_and_type"]),
            (ARCHIVES, &["containers_within_others_and_mails_within_them"]),
            ("unpack/tests/documents/tnef.rs", &["attachments_have_all_their_names_in_whatever_order"]),
            (
                "unpack/tests/documents/cfb.rs",
                &["attachments_of_a_message_have_the_names_of_their_properties"],
            ),
            ("tests/tests/e2e/clamd.rs", &["every_test_file_is_found"]),
        ],
        not_proven: "PDF, HTML, ICS and VCF are not unpacked (docs/content.md): the virus scanner gets them in the whole mail",
    },
    Row {
        id: "B32",
        input: "names: ../, drives, UNC, dots, blanks, escapes, invisible characters, NUL, 64 KB, devices, invalid UTF-8, streams",
        tests: &[
            (BANNED_TRICKS, &["names_are_banned_in_every_disguise_and_honest_ones_are_not"]),
            ("inspect/src/banned/tests/properties.rs", &["no_disguise_around_it_hides_an_extension"]),
            (TRICKS, &["hidden_names_are_banned", "a_long_name_keeps_its_end"]),
            (ARCHIVES, &["names_that_are_too_long_keep_their_end_and_are_told"]),
            (CHILDREN, &["the_self_test_finds_the_cage_tight"]),
        ],
        not_proven: "letters of another alphabet that look alike: nothing opens them (docs/content.md)",
    },
    Row {
        id: "B33",
        input: "two types at once, a wrong extension, nothing, one byte",
        tests: &[
            (MORE, &["b33_what_is_two_things_at_once_is_opened_as_both"]),
            (SIGNATURES, &["a_polyglot_is_all_that_it_may_be_taken_for", "prose_is_no_program"]),
            (BANNED_TRICKS, &["types_are_banned_wherever_they_are"]),
        ],
        not_proven: "",
    },
];
