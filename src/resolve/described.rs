//! What an installed package of R says of itself: its `DESCRIPTION` names the archive that it is from
//! (Writing R Extensions, 1.1.1). nixpkgs has all that CRAN and Bioconductor have today, so that is an answer,
//! unless the package has been archived since.

use super::{Candidate, Kind, Query, Source, heuristic};
use bstr::ByteSlice;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// As much of the file is read. The fields in question come long before.
const READ: u64 = 64 << 10;

/// The descriptions on a system, by its root directory.
#[derive(Clone, Debug)]
pub struct Descriptions(PathBuf);

impl Descriptions {
    /// Those below a root directory.
    pub fn below(root: &Path) -> Self {
        Self(root.to_owned())
    }

    /// The archive that the package is from, of which a query's file is a part.
    fn archive(&self, query: &Query) -> Option<&'static str> {
        let name = query.name.as_bytes();
        let path = query.path.as_ref()?.as_bytes();
        // The directory of the package is called as it is.
        let at = path.rfind([b"/", name, b"/"].concat())?;
        let package = Path::new(std::ffi::OsStr::from_bytes(&path[1..=at + name.len()]));
        let file = self.0.join(package).join("DESCRIPTION");
        let mut text = Vec::new();
        // A device or a pipe of that name would have us wait.
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        File::open(file)
            .and_then(|file| file.take(READ).read_to_end(&mut text))
            .ok()?;
        archive_of(&text, name)
    }
}

/// The archive that a `DESCRIPTION` names, if it is that of the package.
fn archive_of(description: &[u8], name: &[u8]) -> Option<&'static str> {
    let field = |field: &str| {
        description
            .lines()
            .find_map(|line| line.strip_prefix(field.as_bytes())?.strip_prefix(b":"))
            .map(|value| value.trim())
    };
    if field("Package") != Some(name) {
        return None;
    }
    match field("Repository") {
        Some(b"CRAN") => Some("CRAN"),
        Some(repository) if repository.starts_with(b"Bioconductor") => Some("Bioconductor"),
        Some(_) => None,
        // What Bioconductor builds has no repository, but where its sources lie.
        None => field("git_url")
            .is_some_and(|url| url.starts_with(b"https://git.bioconductor.org/"))
            .then_some("Bioconductor"),
    }
}

impl Source for Descriptions {
    fn candidates(&self, query: &Query) -> Vec<Candidate> {
        let attr = match query.kind {
            Kind::R => query.name.to_str().ok().and_then(heuristic::of_archive),
            _ => None,
        };
        let candidate = attr.and_then(|attr| {
            let note = format!(
                "its DESCRIPTION says that it is from {}, of which nixpkgs has all that is there today",
                self.archive(query)?
            );
            Some(heuristic::candidate_of_archive(attr, note))
        });
        candidate.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_description_names_the_archive_of_its_own_package() {
        let of = |text: &str| archive_of(text.as_bytes(), b"acme");
        let cran = "Package: acme\nVersion: 1.0\nRepository: CRAN\n";
        assert_eq!(of(cran), Some("CRAN"));
        assert_eq!(of("Package: acme\r\nRepository: CRAN\r\n"), Some("CRAN"));
        let bioconductor = "Package: acme\nbiocViews: Software\ngit_url: https://git.bioconductor.org/packages/acme\n";
        assert_eq!(of(bioconductor), Some("Bioconductor"));
        for other in [
            "",
            "Package: acme\nVersion: 1.0\n",
            "Package: acme\nRemoteType: github\n",
            "Package: acme\nRepository: https://acme.r-universe.dev\n",
            "Package: other\nRepository: CRAN\n",
            "Package: acme\nDescription: as in\n  Repository: CRAN\n",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_description_is_that_of_the_package_of_the_file() {
        let root = tempfile::tempdir().unwrap();
        let package = root.path().join("usr/local/lib/R/site-library/acme");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(
            package.join("DESCRIPTION"),
            "Package: acme\nRepository: CRAN\n",
        )
        .unwrap();
        let descriptions = Descriptions::below(root.path());
        let found = |kind, path: &str| {
            let candidates = descriptions.candidates(&Query::new(kind, "acme").at(path));
            candidates
                .first()
                .map(|candidate| candidate.attr.to_string())
        };
        let file = "/usr/local/lib/R/site-library/acme/R/acme.rdb";
        assert_eq!(found(Kind::R, file).as_deref(), Some("rPackages.acme"));
        assert_eq!(found(Kind::Python, file), None);
        let archived = root.path().join("usr/local/lib/R/site-library/rgdal");
        std::fs::create_dir_all(&archived).unwrap();
        std::fs::write(
            archived.join("DESCRIPTION"),
            "Package: rgdal\nRepository: CRAN\n",
        )
        .unwrap();
        let archived = Query::new(Kind::R, "rgdal").at("/usr/local/lib/R/site-library/rgdal/NEWS");
        assert_eq!(descriptions.archive(&archived), Some("CRAN"));
        assert_eq!(descriptions.candidates(&archived), []);
        assert_eq!(
            found(Kind::R, "/usr/lib/R/site-library/acme/R/acme.rdb"),
            None
        );
        assert_eq!(found(Kind::R, "acme"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            text in prop::collection::vec(any::<u8>(), 0..80),
            path in "(/?[a-z/.]{0,20}|/acme/|acme/)",
        ) {
            archive_of(&text, b"acme");
            let query = Query::new(Kind::R, "acme").at(path.as_str());
            Descriptions::below(Path::new("/nonexistent")).candidates(&query);
        }
    }
}
