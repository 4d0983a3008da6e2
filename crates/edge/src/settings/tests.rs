//! A wrong file is refused with the place or the range; a right one becomes what it says.

use huitian_queue::WhenFull;

use super::*;

fn load(text: &str) -> Result<EdgeConfig, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("edge.toml");
    std::fs::write(&file, text).unwrap();
    EdgeConfig::load(&file, &Overrides::default()).map_err(|fault| fault.to_string())
}

const GOOD: &str = "[edge]\nid = \"gate-1\"\n[uplink]\nhost = \"127.0.0.1\"\n";

#[test]
fn the_example_is_right() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/edge.toml");
    let config = EdgeConfig::load(&file, &Overrides::default()).unwrap();
    assert_eq!(config.id.as_str(), "gate-1");
    assert_eq!(config.plant.limits.when_full, WhenFull::DropOldest);
    assert_eq!(config.uplink.subscriptions, ["huitian/edge/v1/gate-1/down"]);
    assert!(config.uplink.clean_start);
}

#[test]
fn every_line_of_the_example_that_is_commented_out_is_right_too() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/edge.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let is_setting = |line: &&str| {
        let line = line.trim_start_matches("# ");
        line.starts_with('[')
            || line.split('=').next().is_some_and(|key| {
                line.contains('=')
                    && key
                        .trim()
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c == '_')
            })
    };
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "x").unwrap();
    let mut rights = std::fs::metadata(&secret).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o600);
    std::fs::set_permissions(&secret, rights).unwrap();
    let lines: Vec<&str> = text.lines().filter(is_setting).collect();
    let text: String = lines
        .iter()
        .flat_map(|line| [line.trim_start_matches("# "), "\n"])
        .collect::<String>()
        .replace("/etc/huitian/gate-1-password", secret.to_str().unwrap());
    let config = load(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    assert_eq!(config.plant.lines.len(), 1);
    assert_eq!(config.plant.lines[0].units.len(), 2);
    assert_eq!(config.plant.bands.len(), 1);
    assert!(config.uplink.tls.is_some() && config.plant.mqtt.listen.is_some());
}

#[test]
fn faults_name_the_key_and_the_permitted_range() {
    for (text, parts) in [
        ("", vec!["edge.id is missing"]),
        ("[edge]\nid = \"Gate 1\"", vec!["edge.id", "a-z, 0-9"]),
        ("[edge]\nid = \"g\"", vec!["[uplink] is missing"]),
        ("[edge]\nname = \"g\"", vec!["unknown field", "name"]),
    ] {
        let fault = load(text).unwrap_err();
        assert!(
            parts.iter().all(|part| fault.contains(part)),
            "{text}: {fault}"
        );
    }
    for (more, parts) in [
        ("[queue]\nsize = \"1MB\"", vec!["queue.size", "8MB to 1TB"]),
        ("[queue]\nage = \"1m\"", vec!["queue.age", "1h to 366d"]),
        (
            "[queue]\nwhen_full = \"panic\"",
            vec!["panic", "drop_oldest"],
        ),
        (
            "[mqtt]\naddr = \"0.0.0.0:1883\"",
            vec!["mqtt.addr", "users_file"],
        ),
        (
            "[mqtt]\naddr = \"0.0.0.0:1883\"\nusers_file = \"u\"",
            vec!["unencrypted", "mqtt.insecure"],
        ),
        (
            "[[mqtt.routes]]\ntopic = \"a/+\"\nformat = \"csv\"\ndelimiter = \"#\"",
            vec!["expected \",\"", "found \"#\""],
        ),
        (
            "[[deadband]]\nquantity = \"weight\"\nchange = 1\nceiling = \"1m\"",
            vec!["deadband.quantity", "distance", "weight"],
        ),
        (
            "[[deadband]]\nquantity = \"fill\"\nchange = -1\nceiling = \"1m\"",
            vec!["deadband fill", "0 to 1000000"],
        ),
    ] {
        let fault = load(&format!("{GOOD}{more}")).unwrap_err();
        assert!(
            parts.iter().all(|part| fault.contains(part)),
            "{more}: {fault}"
        );
    }
}

#[test]
fn a_password_never_goes_unencrypted_to_another_machine_unasked() {
    let text = "[edge]\nid = \"g\"\n[uplink]\nhost = \"10.0.0.1\"\nusername = \"g\"\n";
    assert!(load(text).unwrap_err().contains("unencrypted"));
    assert!(load(&format!("{text}insecure = true\n")).is_ok());
}
