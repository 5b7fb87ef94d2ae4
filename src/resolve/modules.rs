//! Things that an interpreter or a tool finds by name in directories of its own: gems, Node packages,
//! Lua modules, Java archives, R and OCaml packages, GSettings schemas, autoconf's macros.
//!
//! The rules hold for the layout of nixpkgs' packages and for those of the usual distributions; the
//! index uses them on listings, a query on the paths of a system. Python and Perl have rules of their
//! own in both places: which distribution a module belongs to is no matter of its path alone.

use super::Kind;
use super::query::{archive_name, before_version_number, node_name};
use std::borrow::Cow;

/// What a path belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner<'a> {
    /// A thing with a name of its own.
    Module {
        kind: Kind,
        /// In the normal form of its kind.
        name: Cow<'a, [u8]>,
        /// Whether the path is the one that every such thing has once: its metadata, or the file
        /// that is loaded first.
        tells: bool,
    },
    /// The interpreter's own library, by the interpreter's command.
    Interpreter(&'static str),
}

fn module<'a>(kind: Kind, name: &'a [u8], tells: bool) -> Option<Owner<'a>> {
    (!name.is_empty()).then_some(Owner::Module {
        kind,
        name: name.into(),
        tells,
    })
}

/// What a path below a package's root belongs to, as its parts; none for what belongs to no such
/// thing.
pub(super) fn owner_of<'a>(parts: &[&'a [u8]]) -> Option<Owner<'a>> {
    node(parts)
        .or_else(|| gem(parts))
        .or_else(|| lua(parts))
        .or_else(|| r(parts))
        .or_else(|| ocaml(parts))
        .or_else(|| by_suffix(parts))
}

/// `lib/node_modules/NAME`, and Debian's `share/nodejs/NAME`. A module inside another one is that
/// one's own copy.
fn node<'a>(parts: &[&'a [u8]]) -> Option<Owner<'a>> {
    let debian = |at: usize| parts[at] == b"nodejs" && at > 0 && parts[at - 1] == b"share";
    let at = (0..parts.len()).find(|&at| parts[at] == b"node_modules" || debian(at))?;
    let rest = &parts[at + 1..];
    let name: Cow<'a, [u8]> = match rest {
        [scope, name, ..] if scope.starts_with(b"@") => [scope, &b"/"[..], name].concat().into(),
        [scope] if scope.starts_with(b"@") => return None,
        [name, ..] => (*name).into(),
        [] => return None,
    };
    let own = if name.starts_with(b"@") { 2 } else { 1 };
    Some(Owner::Module {
        kind: Kind::Node,
        tells: at == 1 && rest.len() == own + 1 && rest[own] == b"package.json",
        name: node_name(&name).to_vec().into(),
    })
}

/// A gem's directory carries its version, below a directory `gems`; its metadata lies in
/// `specifications`. Debian also has gems without a version, in `vendor_ruby`.
fn gem<'a>(parts: &[&'a [u8]]) -> Option<Owner<'a>> {
    let of_ruby = |part: &&[u8]| part.starts_with(b"ruby") || *part == b"gems";
    let at = parts.iter().position(of_ruby)?;
    let below = |name: &[u8]| parts.iter().rposition(|part| *part == name);
    if let Some(specification) = below(b"specifications")
        && let Some(file) = parts.last()
        && let Some(gem) = file.strip_suffix(b".gemspec")
    {
        if parts[specification + 1..].len() > 1 {
            // `specifications/default` is what ruby itself comes with.
            return Some(Owner::Interpreter("ruby"));
        }
        return module(Kind::Gem, before_version_number(gem), true);
    }
    if let Some(gems) = below(b"gems")
        && let Some(directory) = parts.get(gems + 1)
        && before_version_number(directory) != *directory
    {
        return module(Kind::Gem, before_version_number(directory), false);
    }
    let (ruby, rest) = (parts[at], &parts[at + 1..]);
    if ruby != b"ruby" || parts[..at].first() != Some(&&b"lib"[..]) {
        return None;
    }
    match rest {
        [b"vendor_ruby" | b"site_ruby", rest @ ..] => {
            let name = rest
                .iter()
                .find(|part| !is_version(part) && !is_platform(part))?;
            module(Kind::Gem, name.strip_suffix(b".rb").unwrap_or(name), false)
        }
        [version, _, ..] if is_version(version) => Some(Owner::Interpreter("ruby")),
        _ => None,
    }
}

/// `share/lua/5.2/socket.lua`, `lib/lua/5.2/lfs.so`, and the rockspec that luarocks keeps.
fn lua<'a>(parts: &[&'a [u8]]) -> Option<Owner<'a>> {
    let file = *parts.last()?;
    if let Some(rock) = file.strip_suffix(b".rockspec") {
        // `luasocket-3.0rc1-2`: name, version, revision.
        let mut dashes = rock.iter().rposition(|byte| *byte == b'-').into_iter();
        let revision = dashes.next()?;
        let version = rock[..revision].iter().rposition(|byte| *byte == b'-')?;
        return module(Kind::Lua, &rock[..version], true);
    }
    let at = parts.iter().take(3).position(|part| *part == b"lua")?;
    let [version, rest @ ..] = &parts[at + 1..] else {
        return None;
    };
    if !matches!(parts[0], b"lib" | b"share") || !is_version(version) {
        return None;
    }
    let first = *rest.first()?;
    let name = [&b".lua"[..], b".so"]
        .iter()
        .find_map(|suffix| first.strip_suffix(*suffix))
        .unwrap_or(first);
    let tells = name != first
        || matches!(rest, [_, file] if file.ends_with(b".lua") || file.ends_with(b".so"));
    module(Kind::Lua, name, tells)
}

/// The packages that R itself comes with: its base and the recommended ones.
const OF_R: [&[u8]; 29] = [
    b"KernSmooth",
    b"MASS",
    b"Matrix",
    b"base",
    b"boot",
    b"class",
    b"cluster",
    b"codetools",
    b"compiler",
    b"datasets",
    b"foreign",
    b"grDevices",
    b"graphics",
    b"grid",
    b"lattice",
    b"methods",
    b"mgcv",
    b"nlme",
    b"nnet",
    b"parallel",
    b"rpart",
    b"spatial",
    b"splines",
    b"stats",
    b"stats4",
    b"survival",
    b"tcltk",
    b"tools",
    b"utils",
];

/// nixpkgs' `library/NAME`; other systems have `lib/R/library` and `lib/R/site-library`.
fn r<'a>(parts: &[&'a [u8]]) -> Option<Owner<'a>> {
    let rest = match parts {
        [b"library", rest @ ..]
        | [
            b"lib" | b"lib64",
            b"R",
            b"library" | b"site-library",
            rest @ ..,
        ] => rest,
        [b"lib" | b"lib64", b"R", ..] => return Some(Owner::Interpreter("R")),
        _ => return None,
    };
    let [name, rest @ ..] = rest else {
        return None;
    };
    if OF_R.contains(name) {
        return Some(Owner::Interpreter("R"));
    }
    module(Kind::R, name, rest == [b"DESCRIPTION"])
}

/// nixpkgs' `lib/ocaml/VERSION/site-lib/NAME`; Debian has no `site-lib`, Fedora and Arch no version.
fn ocaml<'a>(parts: &[&'a [u8]]) -> Option<Owner<'a>> {
    let [b"lib" | b"lib64", b"ocaml", rest @ ..] = parts else {
        return None;
    };
    let rest = match rest {
        [version, rest @ ..] if is_version(version) => rest,
        rest => rest,
    };
    let (site, rest) = match rest {
        [b"site-lib", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    match rest {
        // What lies in the directory itself, or in those of the compiler's own.
        [_] if !site => Some(Owner::Interpreter("ocaml")),
        [b"compiler-libs" | b"stublibs" | b"threads" | b"caml", _, ..] => {
            Some(Owner::Interpreter("ocaml"))
        }
        [name, rest @ ..] if !rest.is_empty() => module(Kind::OCaml, name, rest == [b"META"]),
        _ => None,
    }
}

fn by_suffix<'a>(parts: &[&'a [u8]]) -> Option<Owner<'a>> {
    let (file, directories) = parts.split_last()?;
    if let Some(name) = file.strip_suffix(b".gschema.xml") {
        return module(Kind::GSettings, name, true);
    }
    let directory = *directories.last()?;
    if let Some(name) = file.strip_suffix(b".m4") {
        let searched = directory == b"aclocal" || directory.starts_with(b"aclocal-");
        return if searched {
            module(Kind::Aclocal, name, true)
        } else {
            None
        };
    }
    let is_extra = [&b"-sources.jar"[..], b"-javadoc.jar"]
        .iter()
        .any(|suffix| file.ends_with(suffix));
    if file.ends_with(b".jar") && !is_extra {
        return module(Kind::Jar, archive_name(file), directory == b"java");
    }
    None
}

fn is_version(part: &[u8]) -> bool {
    part.first().is_some_and(u8::is_ascii_digit)
        && part
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// `x86_64-linux-gnu`, `x86_64-linux`.
fn is_platform(part: &[u8]) -> bool {
    part.windows(6).any(|window| window == b"-linux")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bstr::ByteSlice;
    use proptest::prelude::*;

    fn told(path: &str) -> String {
        let parts: Vec<&[u8]> = path.as_bytes().split_str("/").collect();
        match owner_of(&parts) {
            Some(Owner::Module { kind, name, tells }) => {
                format!("{kind} {}{}", name.as_bstr(), if tells { "!" } else { "" })
            }
            Some(Owner::Interpreter(command)) => format!("of {command}"),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn a_file_belongs_to_the_module_in_whose_directory_it_lies() {
        for (path, expected) in [
            // Gems: nixpkgs, RubyGems, Debian's integration and its own directory.
            (
                "lib/ruby/gems/3.1.0/specifications/nokogiri-1.13.8.gemspec",
                "gem nokogiri!",
            ),
            (
                "lib/ruby/gems/3.1.0/gems/nokogiri-1.13.8-x86_64-linux/lib/nokogiri.rb",
                "gem nokogiri",
            ),
            (
                "share/rubygems-integration/all/gems/rack-test-2.0/lib/x.rb",
                "gem rack-test",
            ),
            (
                "var/lib/gems/3.1.0/gems/sinatra-3.0.5/lib/sinatra.rb",
                "gem sinatra",
            ),
            ("lib/ruby/vendor_ruby/nokogiri/xml.rb", "gem nokogiri"),
            (
                "lib/ruby/vendor_ruby/3.1.0/x86_64-linux-gnu/json.rb",
                "gem json",
            ),
            ("lib/ruby/3.1.0/json/common.rb", "of ruby"),
            (
                "lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec",
                "of ruby",
            ),
            // Node.
            (
                "lib/node_modules/typescript/package.json",
                "node typescript!",
            ),
            (
                "lib/node_modules/@babel/core/package.json",
                "node @babel/core!",
            ),
            ("lib/node_modules/a/node_modules/b/package.json", "node a"),
            ("share/nodejs/lodash/index.js", "node lodash"),
            ("lib/node_modules/@scope", "none"),
            // Lua.
            ("share/lua/5.2/socket.lua", "lua socket!"),
            ("share/lua/5.2/socket/http.lua", "lua socket!"),
            ("lib/lua/5.4/lfs.so", "lua lfs!"),
            ("share/lua/5.2/pl/compat/x.lua", "lua pl"),
            (
                "luasocket-3.0rc1-2-rocks/luasocket/3.0rc1-2/luasocket-3.0rc1-2.rockspec",
                "lua luasocket!",
            ),
            ("share/lua/readme", "none"),
            // R.
            ("library/dplyr/DESCRIPTION", "r dplyr!"),
            ("lib/R/site-library/dplyr/R/dplyr.rdb", "r dplyr"),
            ("lib/R/library/stats/R/stats.rdb", "of R"),
            ("lib/R/lib/libR.so", "of R"),
            // OCaml.
            ("lib/ocaml/4.14.0/site-lib/lwt/META", "ocaml lwt!"),
            ("lib/ocaml/4.13.1/lwt/lwt.cmi", "ocaml lwt"),
            ("lib/ocaml/lwt/META", "ocaml lwt!"),
            ("lib/ocaml/4.13.1/stdlib.cma", "of ocaml"),
            ("lib/ocaml/4.13.1/threads/threads.cma", "of ocaml"),
            // The rest.
            (
                "share/glib-2.0/schemas/org.gnome.evince.gschema.xml",
                "gsettings org.gnome.evince!",
            ),
            ("share/glib-2.0/schemas/gschemas.compiled", "none"),
            ("share/aclocal/pkg.m4", "aclocal pkg!"),
            ("share/aclocal-1.16/init.m4", "aclocal init!"),
            ("share/bison/m4sugar/m4sugar.m4", "none"),
            ("share/java/commons-io-2.11.0.jar", "jar commons-io!"),
            ("share/maven/lib/guice-5.1.0.jar", "jar guice"),
            ("share/java/commons-io-sources.jar", "none"),
        ] {
            assert_eq!(told(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_the_rules_panic(parts in prop::collection::vec(
            prop::sample::select(vec!["lib", "share", "ruby", "gems", "3.1.0", "specifications", "vendor_ruby", "node_modules",
                "nodejs", "@a", "lua", "5.2", "R", "library", "ocaml", "site-lib", "a-1.jar", ".m4", "-.rockspec", "a.gemspec", "", "\u{e9}"]), 0..8)) {
            let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
            owner_of(&parts);
        }
    }
}
