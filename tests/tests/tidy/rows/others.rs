//! B40 to B50: archives, scanners, and the queue.

use super::Row;

const WALK: &str = "inspect/src/walk/tests.rs";
const ARCHIVES: &str = "inspect/src/walk/tests/archives.rs";
const READINGS: &str = "inspect/src/walk/tests/readings.rs";
const QUEUE: &str = "inspect/src/walk/queue.rs";
const BOMBS: &str = "tests/tests/e2e/bombs/mod.rs";
const FETCH: &str = "tests/tests/e2e/bombs/fetch.rs";
const CHILDREN: &str = "tests/tests/e2e/inspect.rs";
const POLICY: &str = "tests/tests/e2e/contract/policy.rs";
const SPAM: &str = "tests/tests/e2e/spam.rs";

pub(super) const OTHERS: [Row; 11] = [
    Row {
        id: "B40",
        input: "bombs: overlap, nested, quine, gzip chain, 10 GB of zeros, sparse tar, solid 7z, dictionary of 4 GB",
        tests: &[
            (BOMBS, &["bombs_end_at_their_limits_and_nobody_else_notices"]),
            ("tests/tests/e2e/content.rs", &["a_bomb_is_over_the_limit_and_nobody_else_notices"]),
            (QUEUE, &["what_is_in_itself_is_told"]),
            (ARCHIVES, &["limits_at_both_sides", "nested_bombs_stop"]),
            (
                "unpack/tests/streams/bombs.rs",
                &[
                    "ten_gigabytes_of_zeros_end_at_the_ratio",
                    "without_a_ratio_they_end_at_the_bytes",
                    "members_that_overlap_end_at_the_ratio_of_the_whole",
                    "pieces_without_output_end_too",
                ],
            ),
            ("unpack/tests/streams/tars.rs", &["a_hole_of_ten_gigabytes_ends_at_the_ratio"]),
            ("unpack/tests/streams/single.rs", &["a_dictionary_of_four_gigabytes_is_not_asked_for"]),
        ],
        not_proven: "a solid rar: its packed members are not unpacked. Temporary files: there are none",
    },
    Row {
        id: "B41",
        input: "zip: directory and local headers differ, two ends, data around it, sizes of 0, ZIP64, names twice, flags",
        tests: &[
            (
                "unpack/tests/streams/zip_readings.rs",
                &[
                    "two_names_are_both_given",
                    "local_headers_without_a_directory_are_found",
                    "two_directories_are_both_read",
                    "two_members_of_one_name_are_both_given",
                    "sizes_of_nothing_do_not_empty_a_member",
                    "sizes_that_are_too_small_do_not_cut_a_member",
                    "two_methods_are_both_used",
                    "a_flag_alone_does_not_encrypt",
                    "a_wrong_count_and_a_lost_offset_are_told",
                ],
            ),
            (
                "unpack/tests/streams/zips.rs",
                &[
                    "what_is_in_front_and_behind_does_not_hide_it",
                    "directories_links_and_wide_figures",
                    "a_wide_end_is_followed",
                ],
            ),
        ],
        not_proven: "",
    },
    Row {
        id: "B42",
        input: "tar: two sizes, long names, holes, links, devices",
        tests: &[(
            "unpack/tests/streams/tars.rs",
            &[
                "names_in_every_dialect",
                "what_is_no_file_is_told",
                "two_sizes_are_two_readings",
                "a_link_with_a_size_is_two_readings",
                "holes_are_filled",
            ],
        )],
        not_proven: "a link and a directory of one name: nothing is written to paths",
    },
    Row {
        id: "B43",
        input: "encrypted zip, 7z, rar, PDF, Office; encrypted names; the password in the mail",
        tests: &[
            (ARCHIVES, &["what_is_encrypted_is_told_unless_its_password_is_known"]),
            (
                "unpack/tests/streams/fixtures.rs",
                &["the_word_opens_it", "names_that_are_encrypted_are_told_as_such"],
            ),
            (
                "unpack/tests/documents/rar.rs",
                &["encrypted_headers_are_told", "both_versions_give_names_flags_and_stored_members"],
            ),
            ("unpack/tests/documents/cfb.rs", &["encryption_is_told"]),
            ("unpack/tests/documents/arj.rs", &["stored_members_are_given_and_encrypted_ones_named"]),
            ("tests/tests/e2e/content.rs", &["what_is_in_an_archive_decides"]),
        ],
        not_proven: "an encrypted PDF is not told from another: PDF is not read here, and left to the virus scanner",
    },
    Row {
        id: "B44",
        input: "truncated, wrong check sum, several volumes, unknown method",
        tests: &[
            (ARCHIVES, &["what_is_damaged_is_ambiguous_and_what_can_be_read_of_it_counts"]),
            (
                "unpack/tests/streams/zips.rs",
                &[
                    "a_wrong_checksum_and_an_unknown_method_are_told",
                    "every_cut_is_told_and_what_is_before_it_is_given",
                    "damage_inside_leaves_what_was_before_it",
                ],
            ),
            (
                "unpack/tests/streams/sevens.rs",
                &["every_cut_is_told", "a_damaged_block_does_not_take_the_others_along"],
            ),
            ("unpack/tests/streams/single.rs", &["a_cut_is_told_and_what_is_before_it_is_given"]),
            ("unpack/tests/streams/tars.rs", &["a_cut_is_told_and_what_is_there_is_given"]),
            ("unpack/tests/documents/rar.rs", &["what_is_wrong_is_told_and_what_is_readable_given"]),
            ("unpack/tests/documents/arj.rs", &["what_is_wrong_is_told_and_what_is_readable_given"]),
            ("unpack/tests/documents/cab.rs", &["what_is_wrong_is_told_and_what_is_readable_given"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B45",
        input: "a decoder that panics, aborts, never ends, eats all memory",
        tests: &[
            (CHILDREN, &["a_mail_that_harms_its_parser_fails_alone", "a_mail_that_hangs_is_given_up"]),
            (CHILDREN, &["where_policy_says_so_it_is_delivered_with_a_mark"]),
            (ARCHIVES, &["a_panic_of_a_reader_is_told_and_the_rest_goes_on"]),
            (WALK, &["a_panic_is_a_failed_check"]),
            (
                "bus/tests/nats/faults.rs",
                &["a_mail_that_kills_its_workers_is_judged_unlooked_at_the_fourth_time"],
            ),
        ],
        not_proven: "",
    },
    Row {
        id: "B46",
        input: "EICAR plain, in each encoding, in archives to the limit and beyond, in tnef, in a mail, behind 30 MB",
        tests: &[
            (ARCHIVES, &["names_and_types_are_found_in_every_container_and_encoding"]),
            (ARCHIVES, &["every_container_is_opened_to_the_limit_of_depth_and_not_beyond"]),
            (ARCHIVES, &["a_member_behind_padding_is_found"]),
            ("inspect/src/walk/tests/feed.rs", &["what_the_scanner_does_not_open_is_hidden"]),
            ("tests/tests/e2e/feed.rs", &["what_clamd_passes_over_is_found"]),
            ("tests/tests/e2e/clamd.rs", &["every_test_file_is_found"]),
            (POLICY, &["a_virus_is_discarded_by_default"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B47",
        input: "answers of clamd: no id, two lines, odd names, errors, limits, nothing",
        tests: &[
            (
                "worker/src/clamd/reply.rs",
                &[
                    "answers_in_the_grammar",
                    "answers_outside_the_grammar",
                    "only_the_one_string_is_clean",
                    "one_changed_byte_is_never_clean",
                ],
            ),
            ("worker/src/clamd/connection.rs", &["a_cut_answer_is_never_an_answer"]),
            (
                "worker/src/clamd/tests.rs",
                &["every_answer_has_its_outcome", "a_host_that_says_nothing_costs_the_time_out"],
            ),
            ("worker/src/scanner/tests.rs", &["a_failure_is_never_clean"]),
            ("tests/tests/e2e/clamd.rs", &["a_killed_or_hung_clamd_is_never_clean"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B48",
        input: "answers of spamd and rspamd: many symbols, NaN, 1e400, no length, chunks, redirects",
        tests: &[
            (
                "worker/src/spamd/reply.rs",
                &["everything_else_is_a_failure", "a_cut_answer_is_never_an_answer"],
            ),
            (
                "worker/src/rspamd/reply.rs",
                &["everything_else_is_a_failure", "a_cut_answer_is_never_an_answer"],
            ),
            ("worker/src/rspamd/tests.rs", &["no_usable_answer_is_a_failure"]),
            ("worker/src/spamd/tests.rs", &["no_usable_answer_is_a_failure"]),
            ("proto/src/points.rs", &["what_is_none_is_refused", "a_float_is_finite_and_bounded"]),
            (SPAM, &["a_scanner_that_talks_nonsense_is_never_clean"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B49",
        input: "addresses in a mail that point at hosts of ours",
        tests: &[
            (FETCH, &["nothing_that_a_mail_names_is_asked"]),
            (READINGS, &["an_external_body_is_judged_by_what_it_says_and_nothing_else"]),
            (CHILDREN, &["the_self_test_finds_the_cage_tight"]),
        ],
        not_proven: "",
    },
    Row {
        id: "B50",
        input: "messages in the queue: unknown version, wrong check sum, no chunk, 1 GB, subjects with wildcards, chunks twice",
        tests: &[
            (
                "bus/tests/nats/hostile.rs",
                &[
                    "a_newer_version_is_left_alone_and_others_pass_it",
                    "garbage_is_parked_and_never_offered_again",
                    "a_wrong_digest_or_an_absurd_length_is_given_up_and_nobody_is_written_to",
                ],
            ),
            ("bus/tests/nats/content.rs", &["a_mail_with_a_missing_chunk_is_never_clean"]),
            (
                "bus/src/content/tests.rs",
                &["a_list_of_chunks_must_add_up_and_fit", "another_content_is_not_taken"],
            ),
            ("bus/src/notice.rs", &["only_an_inbox_is_written_to"]),
            ("proto/src/wire/tests.rs", &["another_version_is_told_from_garbage", "no_bytes_make_it_panic"]),
        ],
        not_proven: "",
    },
];
