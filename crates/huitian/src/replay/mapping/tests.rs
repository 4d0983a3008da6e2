//! Mappings that are right, and what is underlined in those that are not.

use miette::Diagnostic;

use super::*;

const GOOD: &str = r#"
[site]
id = "town"
name = { zh = "镇", en = "Town" }
zone = "Europe/London"

[file]
delimiter = ";"

[time]
at = { column = "when", format = "%Y-%m-%dT%H:%M:%S" }
zone = "Asia/Shanghai"

[value]
quantity = "in_use"
scale = 1
expected_every = "5m"
bad = [{ value = "-1" }]

[long]
id = "lot"
value = "cars"

[capacity]
places = 100
"#;

fn read(toml: &str) -> Result<Mapping, ConfigFault> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mapping.toml");
    std::fs::write(&path, toml).unwrap();
    Mapping::load(&path)
}

/// What is underlined when `from` is replaced by `to` in a good mapping, and the message.
fn underlined(from: &str, to: &str) -> (String, String) {
    let toml = GOOD.replacen(from, to, 1);
    assert_ne!(toml, GOOD, "{from:?} is not in the good mapping");
    let fault = read(&toml).unwrap_err();
    let label = fault.labels().unwrap().next().unwrap();
    let place = toml
        .get(label.offset()..label.offset() + label.len())
        .unwrap();
    (place.to_owned(), fault.to_string())
}

#[test]
fn a_good_mapping_is_read() {
    let mapping = read(GOOD).unwrap();
    assert_eq!(mapping.delimiter, b';');
    assert_eq!(mapping.value.channel.as_str(), "in-use");
    assert_eq!(mapping.value.bad[0].reason, BadReason::OutOfRange);
    assert!(mapping.time.received_at.is_none());
}

#[test]
fn every_fault_of_a_mapping_is_underlined_with_what_was_expected() {
    for (from, to, place, message) in [
        (
            "delimiter =",
            "delimeter =",
            "delimeter",
            "unknown field `delimeter`",
        ),
        ("\";\"", "\"; \"", "\"; \"", "one ASCII character"),
        ("\"town\"", "\"Town\"", "\"Town\"", "only a-z"),
        (
            "Europe/London",
            "Europe/Bath",
            "\"Europe/Bath\"",
            "IANA time zone",
        ),
        ("Asia/Shanghai", "CST+8", "\"CST+8\"", "IANA time zone"),
        ("T%H:%M:%S", "", "\"%Y-%m-%d\"", "expected a format"),
        (
            "\"in_use\"",
            "\"entries\"",
            "\"entries\"",
            "in_use, free_places or fill",
        ),
        ("scale = 1", "scale = 0", "0", "scale of 1 to 1000"),
        ("\"5m\"", "\"5 minutes\"", "\"5 minutes\"", "such as 30s"),
        ("\"5m\"", "\"40d\"", "\"40d\"", "1s to 31d"),
        (
            "\"-1\" }",
            "\"0\", column = \"s\" }",
            "\"s\"",
            "needs the `is`",
        ),
        (
            "\"-1\" }",
            "\"0\", reason = \"tired\" }",
            "\"tired\"",
            "expected a reason of no_echo",
        ),
        ("places = 100", "places = 0", "0", "1 to 100000 places"),
        (
            "places = 100",
            "of = { a = 200000 }",
            "200000",
            "1 to 100000 places",
        ),
        (
            "[long]",
            "[wide]\ncolumns = [\"a\"]\n[long]",
            "[wide]",
            "not both",
        ),
        (
            "[capacity]",
            "[bin]\nstream = \"other\"\n[capacity]",
            "[bin]",
            "quantity = \"fill\"",
        ),
    ] {
        let (found, said) = underlined(from, to);
        assert!(
            found.starts_with(place),
            "{to}: {place:?} is not {found:?} ({said})"
        );
        assert!(
            said.contains(message),
            "{to}: {message:?} is not in {said:?}"
        );
    }
}

#[test]
fn columns_that_make_the_same_id_are_refused() {
    let wide = GOOD.replace(
        "[long]\nid = \"lot\"\nvalue = \"cars\"",
        "[wide]\ncolumns = [\"P+R\", \"P-R\"]",
    );
    let fault = read(&wide).unwrap_err();
    let label = fault.labels().unwrap().next().unwrap();
    assert_eq!(
        wide.get(label.offset()..label.offset() + label.len())
            .unwrap(),
        "\"P-R\""
    );
    assert!(
        fault.to_string().contains("already has the id \"p-r\""),
        "{fault}"
    );
}

#[test]
fn a_catalogue_names_what_the_mapping_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("lots.csv", "code,title,places\na,North,80\nb,South,\n");
    let toml = GOOD.replace("places = 100", "of = { b = 70 }")
        + "[catalogue]\nfile = \"lots.csv\"\nid = \"code\"\nname = \"title\"\n\
           capacity = \"places\"\n"
        + "[names]\nb = { zh = \"南\", en = \"The south\" }\n";
    write("mapping.toml", &toml);
    let mapping = Mapping::load(&dir.path().join("mapping.toml")).unwrap();
    assert_eq!(mapping.name_of("a", "x").en, "North");
    assert_eq!(mapping.name_of("b", "x").en, "The south");
    assert_eq!(mapping.name_of("c", "x").zh, "x");
    let capacity = mapping.capacity.unwrap();
    assert_eq!(capacity.of.get("a"), Some(&80));
    assert_eq!(capacity.of.get("b"), Some(&70));
    // A column that the catalogue does not have is underlined in the mapping.
    write("lots.csv", "code,name\n");
    let fault = Mapping::load(&dir.path().join("mapping.toml")).unwrap_err();
    let label = fault.labels().unwrap().next().unwrap();
    assert_eq!(
        toml.get(label.offset()..label.offset() + label.len())
            .unwrap(),
        "\"title\""
    );
}
