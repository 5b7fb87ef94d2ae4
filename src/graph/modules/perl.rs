//! Perl: which module a file is, and which uses which.

use super::{Module, TEXT_LIMIT, bringers};
use crate::graph::classify::Origin;
use crate::graph::command::Language;
use crate::graph::evidence::Evidence;
use crate::graph::host::Host;
use crate::graph::include::perl_uses;
use crate::graph::program::{Program, Run};
use crate::trace::{Bytes, Header};
use bstr::{BStr, ByteSlice};
use std::collections::BTreeMap;

/// Where Perl modules that are not Perl's own are installed, by the distribution of the host: the
/// parts of a path before and after the module's name.
pub(in crate::graph) fn perl_module(path: &BStr, is_debian_like: bool) -> Option<Bytes> {
    let inner = path.strip_suffix(b".pm")?;
    if inner.contains_str("/core_perl/") {
        return None;
    }
    let after = |mark: &str| -> Option<&[u8]> {
        let at = inner.find(mark)?;
        Some(&inner[at + mark.len()..])
    };
    let rest = if let Some(rest) = after("/vendor_perl/").or_else(|| after("/site_perl/")) {
        rest
    } else if is_debian_like && let Some(rest) = inner.strip_prefix(b"/usr/share/perl5/") {
        rest
    } else if is_debian_like && let Some(rest) = after("/perl5/") {
        rest
    } else if let Some(rest) = inner.strip_prefix(b"/usr/local/share/perl/") {
        rest
    } else if inner.starts_with(b"/usr/local/lib") {
        after("/perl/")?
    } else {
        return None;
    };
    // The version's and the architecture's directories come before the module.
    let parts: Vec<&[u8]> = rest
        .split_str("/")
        .skip_while(|part| {
            part.first().is_some_and(u8::is_ascii_digit) || part.contains_str("-linux")
        })
        .collect();
    (!parts.is_empty()).then(|| bstr::join("::", parts).into())
}

/// Whether the distribution is Debian or made from it. A trace that does not say is taken for one,
/// since Debian's places for modules are the most particular.
fn is_debian_like(header: &Header) -> bool {
    let mut names = ["ID", "ID_LIKE"]
        .iter()
        .filter_map(|name| header.os.get(*name))
        .flat_map(|names| names.split_whitespace())
        .peekable();
    names.peek().is_none() || names.any(|name| matches!(name, "debian" | "ubuntu"))
}

/// The modules that a program's scripts used.
pub(super) fn perl(run: &Run, program: &Program, host: &dyn Host) -> Vec<Module> {
    let is_debian_like = is_debian_like(&run.header);
    let mut used: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    for (path, usage) in program.used(Evidence::Read) {
        let file = usage.file(path);
        if run.territory.origin(file.as_ref()) == Origin::Own {
            continue;
        }
        if let Some(name) = perl_module(path.as_ref(), is_debian_like) {
            used.insert(name, path.clone());
        }
    }
    let names: Vec<(&Bytes, &Bytes)> = used.iter().collect();
    let texts: Vec<Vec<u8>> = names
        .iter()
        .map(|(_, path)| host.text(path.as_ref(), TEXT_LIMIT).unwrap_or_default())
        .collect();
    let bringers = bringers(names.len(), |number| {
        let uses = perl_uses(&texts[number]);
        (0..names.len())
            .filter(|&other| uses.contains(names[other].0.as_bytes().as_bstr()))
            .collect()
    });
    names
        .iter()
        .enumerate()
        .map(|(number, (name, path))| Module {
            language: Language::Perl,
            name: (*name).clone(),
            distribution: None,
            path: (*path).clone(),
            brought_by: bringers[number]
                .filter(|_| !program.asked.contains(*name))
                .map(|by| names[by].0.clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perl_files_name_their_module_unless_it_is_perls_own() {
        let module = |path: &str| perl_module(path.into(), true).map(|name| name.to_string());
        assert_eq!(
            module("/usr/lib/x86_64-linux-gnu/perl5/5.36/JSON/XS.pm").as_deref(),
            Some("JSON::XS")
        );
        assert_eq!(
            module("/usr/share/perl5/Types/Serialiser.pm").as_deref(),
            Some("Types::Serialiser")
        );
        assert_eq!(
            module("/usr/lib/x86_64-linux-gnu/perl5/5.36/common/sense.pm").as_deref(),
            Some("common::sense")
        );
        assert_eq!(module("/usr/share/perl/5.36.0/Exporter.pm"), None);
        assert_eq!(
            module("/usr/lib/x86_64-linux-gnu/perl-base/strict.pm"),
            None
        );
        assert_eq!(module("/usr/lib/perl5/core_perl/Socket.pm"), None);
        let fedora = perl_module("/usr/share/perl5/vendor_perl/JSON.pm".into(), false);
        assert_eq!(fedora, Some("JSON".into()));
        assert_eq!(
            perl_module("/usr/share/perl5/Exporter.pm".into(), false),
            None
        );
    }

    #[test]
    fn debian_is_known_by_what_a_distribution_says_it_is_like() {
        let is_debian_like = |id: &str, like: &str| {
            let mut header = Header::for_tests();
            for (name, value) in [("ID", id), ("ID_LIKE", like)] {
                header.os.insert(name.to_owned(), value.to_owned());
            }
            super::is_debian_like(&header)
        };
        assert!(is_debian_like("debian", ""));
        assert!(is_debian_like("linuxmint", "ubuntu debian"));
        assert!(is_debian_like("", ""));
        assert!(!is_debian_like("opensuse-leap", "suse opensuse"));
        assert!(!is_debian_like("rocky", "rhel centos fedora"));
        assert!(!is_debian_like("manjaro", "arch"));
    }
}
