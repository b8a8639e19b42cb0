use std::{collections::BTreeSet, fmt::Write, path::Path};

use echo_domain::metric::Kind;

use super::*;

/// The tables of docs/metrics.md.
fn tables() -> String {
    let mut page = String::new();
    for (about, families) in FAMILIES {
        write!(page, "\n## {about}\n\n| Name | Kind | Labels | |\n|---|---|---|---|\n").unwrap();
        for Declared { name, kind, labels, help } in families {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Seconds => "histogram, of seconds",
                Kind::Sizes => "histogram, of numbers",
            };
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).unwrap();
        }
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "UPDATE_DOCS is whoever works on the code")]
fn the_documentation_has_every_family() {
    const BEGIN: &str = "<!-- Made from the code: UPDATE_DOCS=1 cargo test the_documentation_has_every_family -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (by_hand, _) = page.split_once(BEGIN).expect("it says where the tables begin");

    let made = format!("{by_hand}{BEGIN}{}", tables());

    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    } else {
        assert_eq!(page, made, "write docs/metrics.md anew with UPDATE_DOCS=1");
    }
}

/// <https://prometheus.io/docs/practices/naming/>
#[test]
fn names_follow_the_conventions() {
    let all: Vec<Declared> = FAMILIES.into_iter().flat_map(|(_, families)| families).copied().collect();

    for Declared { name, kind, labels, help } in &all {
        assert!(name.starts_with("echo_") || name.starts_with("process_"), "{name}");
        assert_eq!(*kind == Kind::Counter, name.ends_with("_total"), "{name}");
        assert!(*kind != Kind::Seconds || name.ends_with("_seconds"), "{name}");
        let is_word = |word: &str| word.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
        assert!(is_word(name) && labels.iter().all(|label| is_word(label) && *label != "le"), "{name} {labels:?}");
        assert!(help.ends_with('.') && !help.contains(['|', '\n']), "{name}: {help}");
    }
    assert_eq!(all.iter().map(|family| family.name).collect::<BTreeSet<_>>().len(), all.len(), "one is there twice");
}
