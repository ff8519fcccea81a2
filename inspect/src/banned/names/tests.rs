//! Views of names, one disguise each.

use super::*;

fn extensions(name: &[u8]) -> Vec<String> {
    views(&[name.to_vec()]).iter().filter_map(|view| extension(view.base())).collect()
}

fn has(name: &str, extension_wanted: &str) -> bool {
    extensions(name.as_bytes()).iter().any(|extension| extension == extension_wanted)
}

#[test]
fn the_extension_is_found_in_every_disguise() {
    for name in [
        "a.exe",
        "a.EXE",
        "a.exe.",
        "a.exe...",
        "a.exe ",
        "a.exe . .",
        "a. exe",
        "a.exe\u{a0}",
        "a.exe\u{3000}",
        "a.exe%20",
        "a%2Eexe",
        "a.exe\0",
        "a.exe\0.txt",
        "a.e\0xe",
        "a.exe%00.txt",
        "a.ex\u{200b}e",
        "a.\u{202e}exe",
        "a\u{2024}exe",
        "a\u{ff0e}exe",
        "a.\u{ff45}\u{ff58}\u{ff45}",
        "../../a.exe",
        "C:\\x\\a.exe",
        "\\\\host\\a.exe",
        "a.exe::$DATA",
        "a.txt:b.exe",
        "\"a.exe\"",
        "a.exe;",
        ".exe",
        "a.exe\t",
        "a.exe\r\n",
        "\u{feff}a.exe",
        "a.\u{ad}exe",
        "a.exe'",
    ] {
        assert!(has(name, "exe"), "{name:?}: {:?}", extensions(name.as_bytes()));
    }
    assert!(has("a.\u{17f}cr", "scr"));
}

#[test]
fn honest_names_have_their_own() {
    for name in ["a.pdf", "exe", "a.exe.pdf", "", ".", "...", "a.exe/b.txt"] {
        assert!(!has(name, "exe"), "{name:?}: {:?}", extensions(name.as_bytes()));
    }
}

#[test]
fn double_extensions_need_a_letter_before() {
    let cases = [
        ("a.pdf.exe", Some("exe")),
        ("a.b2.exe", Some("exe")),
        ("a.2.exe", None),
        ("a.exe", None),
        ("setup-1.2.exe", None),
        ("x.y.z", Some("z")),
    ];
    for (name, expected) in cases {
        assert_eq!(double_extension(name).as_deref(), expected, "{name}");
    }
}
