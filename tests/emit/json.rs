//! `-f json`, word for word.

use crate::support::{Tell, run};
use crate::written::alone;
use nixtrace::emit::{File, Role, RunKind, render};

#[test]
fn json_is_the_result_as_it_is() {
    let environment = run(RunKind::Binary, &["jq"])
        .needs(Role::Command, "jq", "/usr/bin/jq was run")
        .unresolved(&b"/tmp/\xff"[..], "read", &["x"]);
    let text = render(&environment, File::Json, &alone()).unwrap();
    insta::assert_snapshot!(text, @r##"
    {
      "version": 1,
      "command": [
        "jq"
      ],
      "kind": "binary",
      "subject": {
        "name": "",
        "version": null,
        "form": {
          "is": "installed"
        },
        "root": "",
        "whole": false,
        "file": null,
        "files": [],
        "more_files": false,
        "partial": false,
        "outside": []
      },
      "surroundings": {
        "variables": [],
        "toolkits": [],
        "writes": [],
        "scratch": false,
        "accounts": false,
        "well_known": [],
        "families": [],
        "configuration": []
      },
      "directory": "/home/me/project",
      "architecture": "x86_64",
      "exit": 0,
      "packages": [
        {
          "attr": "jq",
          "output": "out",
          "role": "command",
          "uses": [],
          "version": null,
          "implied": null,
          "score": 0.97,
          "because": [
            "/usr/bin/jq was run"
          ]
        }
      ],
      "unresolved": [
        {
          "path": "/tmp/\u0000ff",
          "why": "read",
          "candidates": [
            {
              "attr": "x",
              "output": "out",
              "score": 0.4,
              "because": []
            }
          ]
        }
      ],
      "missing": [],
      "network": [],
      "gaps": []
    }
    "##);
}
