//! Addresses and names: what a run asks DNS servers, what these answer, and whom it talks to.
//!
//! A resolver of the test's own answers, in a network of its own: nothing leaves the machine.

use super::support::{Finished, Home, needs, nixtrace, skip};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Records a shell script where every name that is asked for is this machine's, 127.0.0.2; none where a test may
/// not have a network of its own.
fn record(home: &Home, script: &str) -> Option<PathBuf> {
    let trace = home.outside("trace.jsonl");
    let own_network = |command: &str| {
        home.command(["unshare", "--map-root-user", "--mount", "--net"])
            .args(["sh", "-c", command])
            .run()
    };
    if own_network("true").status != 0 {
        skip("a network of its own (unshare --net)");
        return None;
    }
    let resolver =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/main_job/fixtures/resolver.py");
    let servers = home.write("servers", "nameserver 127.0.0.1\n");
    let hosts = home.write("hosts", "127.0.0.1 localhost\n");
    let ready = home.outside("ready");
    own_network(&format!(
        "ip link set lo up; \
         mount --bind '{}' /etc/resolv.conf; mount --bind '{}' /etc/hosts; \
         python3 '{}' '{ready}' & \
         until test -e '{ready}' || ! kill -0 $!; do sleep 0.01; done; \
         '{}' record -q -o '{}' -- sh -c '{script}'; \
         kill $!",
        servers.display(),
        hosts.display(),
        resolver.display(),
        nixtrace().display(),
        trace.display(),
        ready = ready.display(),
    ))
    .exits(0);
    Some(trace)
}

fn read(home: &Home, verb: &str, trace: &Path, options: &[&str]) -> Finished {
    home.command([nixtrace().as_os_str(), verb.as_ref(), trace.as_os_str()])
        .args(options)
        .run()
        .exits(0)
}

#[test]
fn an_address_is_shown_with_protocol_port_service_and_the_name_that_was_asked_for() {
    needs!("unshare", "mount", "ip", "python3", "getent");
    let home = Home::new();
    // The C library sends queries for both families of addresses together, and one alone otherwise.
    let script = "getent ahosts both.example.test; getent hosts single.example.test; \
                  python3 -c \"import socket; \
                  socket.socket().connect_ex((\\\"db.example.test\\\", 5432)); \
                  socket.socket().connect_ex((\\\"127.0.0.3\\\", 80))\"";
    let Some(trace) = record(&home, script) else {
        return;
    };
    let text = read(&home, "show", &trace, &["--class", "network"]).text();
    for (place, what) in [
        (
            "udp 127.0.0.1:53 (domain), asked for both.example.test",
            "getent",
        ),
        (
            "udp 127.0.0.1:53 (domain), asked for single.example.test",
            "getent",
        ),
        (
            "udp 127.0.0.1:53 (domain), asked for db.example.test",
            "python3",
        ),
        (
            "tcp 127.0.0.2:5432 (postgresql), address of both.example.test, db.example.test, \
             single.example.test",
            "ECONNREFUSED",
        ),
        ("tcp 127.0.0.3:80 (http) ", "ECONNREFUSED"),
    ] {
        let line = text.lines().find(|line| line.contains(place));
        let line = line.unwrap_or_else(|| panic!("{place} in {text}"));
        assert!(line.contains(what), "{line}");
    }
    let json: Value =
        serde_json::from_str(&read(&home, "show", &trace, &["--json"]).text()).unwrap();
    let asked: Vec<&Value> = json["used"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["asked"] == "single.example.test")
        .collect();
    assert_eq!(asked.len(), 1, "{json:#}");
    assert_eq!(asked[0]["endpoint"]["port"], 53);
    assert_eq!(asked[0]["endpoint"]["protocol"], "udp");
    let names_at = |port: u16| {
        let rows = json["used"].as_array().unwrap().iter();
        let mut rows = rows.filter(|row| row["endpoint"]["port"] == port);
        rows.next().map(|row| row["names"].clone())
    };
    let names = ["both", "db", "single"].map(|name| format!("{name}.example.test"));
    assert_eq!(names_at(5432), Some(json!(names)));
    // An address that was used without asking is nobody's.
    assert_eq!(names_at(80), Some(json!([])));

    // The same by name, address and port.
    const CONNECTS: &str = "→ connects to tcp 127.0.0.2:5432 (postgresql), address of \
                            both.example.test, db.example.test, single.example.test  \
                            ECONNREFUSED, 1×";
    for (name, chain) in [
        (
            "single.example.test",
            "→ sends to udp 127.0.0.1:53 (domain), asked for single.example.test  1×",
        ),
        (
            "db.example.test",
            "→ sends to udp 127.0.0.1:53 (domain), asked for db.example.test  1×",
        ),
        ("db.example.test", CONNECTS),
        ("127.0.0.2:5432", CONNECTS),
        ("5432", CONNECTS),
    ] {
        let text = read(&home, "why", &trace, &[name]).text();
        assert!(text.contains(chain), "{chain} in {text}");
        assert!(text.contains("sh -c"), "from the command: {text}");
    }
    let page = read(&home, "report", &trace, &["-o", "-"]).text();
    assert!(page.contains("udp 127.0.0.1:53 (domain), asked for single.example.test"));
    assert!(page.contains("tcp 127.0.0.2:5432 (postgresql), address of both.example.test"));
}
