//! From a run to its needs: who asked for what, by which evidence.

use super::classify::{self, Origin, file_name};
use super::command::{self, Part};
use super::loading::{self, Asked};
use super::modules;
use super::phase::{Phase, Phases, Tool};
use super::program::{Program, ProgramId, Run, is_command_place};
use super::subject::{Subject, SubjectForm};
use super::{
    Asker, Evidence, Host, Language, Need, Role, RunKind, Thing, Usage, building, data, manifest,
    misses, subject, surroundings,
};
use crate::trace::{Bytes, ContactAction, Endpoint};
use bstr::{BStr, ByteSlice};
use std::collections::{BTreeMap, BTreeSet};

/// The loader's list of what it puts into every program (ld.so(8), FILES), and that of nixpkgs' loader.
const PRELOAD_FILES: [&str; 2] = ["/etc/ld.so.preload", "/etc/ld-nix.so.preload"];

/// How much of one is read, in bytes.
const LONGEST_PRELOAD_FILE: usize = 64 * 1024;

/// Reads off a run what it needs.
///
/// Pure but for what `host` answers; the same run and the same answers give the same needs,
/// whatever order its processes ran in.
pub fn analyse(run: &Run, host: &dyn Host) -> Usage {
    let run = &with_true_origins(run, host);
    let inputs = building::inputs(run, host);
    let kind = kind(run, building::compiles(run, &inputs));
    let mut analysis = Analysis {
        run,
        host,
        needs: Vec::new(),
        of_program: BTreeMap::new(),
    };
    for number in 0..run.programs.len() {
        analysis.add_program(ProgramId(number));
    }
    if kind == RunKind::Build {
        analysis.add_inputs(&inputs);
    }
    for number in 0..run.programs.len() {
        analysis.add_files(ProgramId(number));
    }
    let subject = subject::subject(run, kind, host);
    analysis.add_required(&subject);
    Usage {
        kind,
        missing: misses::missing(run, host, |id| analysis.program_shown(id)),
        network: network(run),
        subject,
        surroundings: surroundings::surroundings(run, kind),
        needs: analysis.needs,
    }
}

/// A script's interpreter that is a link of the user's to an installed program (a virtual
/// environment's `bin/python3`) is the installed one. The trace has what the kernel was asked to
/// execute, and that is the script.
fn with_true_origins(run: &Run, host: &dyn Host) -> Run {
    let mut run = run.clone();
    for program in &mut run.programs {
        if program.real.is_none()
            && !is_foreign(program.origin)
            && let Some(real) = host.real(program.executable.as_ref())
        {
            program.set_real(real, &run.territory);
        }
    }
    run
}

fn kind(run: &Run, compiles: bool) -> RunKind {
    let Some(main) = run.command() else {
        return RunKind::Binary;
    };
    // npm and Python's builders may compile nothing, and what they make is a package all the same.
    let packs = run
        .steps
        .iter()
        .any(|step| matches!(step.tool, Tool::Npm | Tool::Python) && step.phase == Phase::Build);
    if compiles || packs || command::is_build_command(file_name(main.shown().as_ref())) {
        return RunKind::Build;
    }
    let runs_script = match &main.script {
        Some(script) => !is_foreign(run.territory.origin(script.as_ref())),
        None => matches!(main.part, Part::Interpreter(_)) && is_foreign(main.origin),
    };
    if runs_script {
        RunKind::Script
    } else {
        RunKind::Binary
    }
}

pub(super) fn is_foreign(origin: Origin) -> bool {
    origin.has_package()
}

struct Analysis<'a> {
    run: &'a Run,
    host: &'a dyn Host,
    needs: Vec<Need>,
    of_program: BTreeMap<ProgramId, usize>,
}

impl Analysis<'_> {
    fn program(&self, id: ProgramId) -> &Program {
        &self.run.programs[id.0]
    }

    /// A path as a person of this project writes it.
    fn shown(&self, path: &Bytes) -> String {
        self.run.shown(path)
    }

    /// What a person calls a program: its path if it is the user's, else its name.
    fn program_shown(&self, id: ProgramId) -> String {
        self.run.program_shown(id)
    }

    /// What a program is among those who ask.
    fn asker(&self, id: ProgramId) -> Asker {
        let is_main = self
            .run
            .command()
            .is_some_and(|main| std::ptr::eq(main, self.program(id)));
        if is_main { Asker::Main } else { Asker::Other }
    }

    /// What an object of a program's own is among those who ask: the program itself, or a library
    /// that came with it.
    fn object_asker(&self, id: ProgramId, object: &Bytes) -> Asker {
        let program = self.program(id);
        let is_program = object == program.file() || Some(object) == program.script.as_ref();
        match self.asker(id) {
            Asker::Main if !is_program => Asker::OwnLibrary,
            asker => asker,
        }
    }

    /// Whether the program's work is the user's own: it is the user's program, or an interpreter
    /// that runs the user's script.
    fn is_the_users(&self, program: &Program) -> bool {
        if !is_foreign(program.origin) {
            return true;
        }
        match &program.script {
            Some(script) => !is_foreign(self.run.territory.origin(script.as_ref())),
            None => {
                matches!(program.part, Part::Interpreter(language) if language != Language::Shell)
            }
        }
    }

    fn add_program(&mut self, id: ProgramId) {
        let program = self.program(id);
        // A `configure` is the command itself all the same, and its shell is there to be told.
        if (program.probing && program.by.is_some()) || !is_foreign(program.origin) {
            return;
        }
        let brought_by = match program.governor {
            Some(governor) => {
                let Some(&need) = self.of_program.get(&governor) else {
                    return;
                };
                Some(need)
            }
            None => None,
        };
        let foreign_script = program
            .script
            .clone()
            .filter(|script| is_foreign(self.run.territory.origin(script.as_ref())));
        let asked = foreign_script.as_ref().unwrap_or(&program.executable);
        let name: Bytes = file_name(asked.as_ref()).into();
        // A link of the user's has no package; what it leads to has.
        let is_link = foreign_script.is_none()
            && !matches!(
                self.run.territory.origin(asked.as_ref()),
                Origin::System | Origin::Managed
            );
        let path = if is_link { program.file() } else { asked }.clone();
        if brought_by.is_some() && !is_command_place(path.as_ref()) {
            return;
        }
        // A file among the modules is run for the module that it came with (`pip` runs such).
        let module = foreign_script
            .as_ref()
            .and_then(|script| modules::module_of(program, script.as_ref()));
        let role = match program.part {
            _ if module.is_some() => Role::Module,
            Part::Interpreter(_) if foreign_script.is_none() => Role::Interpreter,
            _ => Role::Command,
        };
        let why = match program.by {
            None => "the command".to_owned(),
            Some(by) => format!("run by {}", self.program_shown(by)),
        };
        let asker = match program.by {
            None => Asker::Caller,
            Some(by) => self.asker(by),
        };
        let phases = program.phases;
        let need = self.needs.len();
        let thing = match module {
            Some(name) => Thing::Module {
                language: Language::Python,
                name,
                distribution: None,
            },
            None => Thing::Command(name),
        };
        self.needs.push(Need {
            thing,
            role,
            path,
            why,
            asker,
            phases,
            brought_by,
        });
        self.of_program.insert(id, need);
    }

    fn add_inputs(&mut self, inputs: &building::Inputs) {
        for (soname, link) in &inputs.libraries {
            let why = match &link.output {
                Some(output) => format!("{soname}, linked into {}", self.shown(output)),
                None => format!("{soname}, given to the linker"),
            };
            self.needs.push(Need {
                thing: Thing::Library(soname.clone()),
                role: Role::Library,
                path: link.path.clone(),
                why,
                asker: Asker::Main,
                phases: Phases::default(),
                brought_by: None,
            });
        }
        for (module, path) in &inputs.modules {
            self.needs.push(Need {
                thing: Thing::PkgConfig(module.clone()),
                role: Role::PkgConfig,
                path: path.clone(),
                why: format!("pkg-config module {module}"),
                asker: Asker::Main,
                phases: Phases::default(),
                brought_by: None,
            });
        }
        for (header, path) in &inputs.headers {
            self.needs.push(Need {
                thing: Thing::Header(header.clone()),
                role: Role::Header,
                path: path.clone(),
                why: format!("#include <{header}>"),
                asker: Asker::Main,
                phases: Phases::default(),
                brought_by: None,
            });
        }
        // What found for `configure` or Meson what the build proper uses must be there.
        if !inputs.libraries.is_empty() {
            if inputs.probed_modules {
                self.add_probing(command::is_pkg_config);
            }
            if inputs.probed_packages {
                self.add_probing(command::is_cmake);
            }
        }
    }

    /// Adds a program that only probed, unless it is needed for something else already.
    fn add_probing(&mut self, is_it: fn(&BStr) -> bool) {
        let is_needed = self
            .needs
            .iter()
            .any(|need| matches!(&need.thing, Thing::Command(name) if is_it(name.as_ref())));
        if is_needed {
            return;
        }
        let probing = self
            .run
            .programs
            .iter()
            .find(|program| program.probing && is_it(program.name()));
        if let Some(program) = probing {
            let executable = program.executable.clone();
            self.needs.push(Need {
                thing: Thing::Command(file_name(executable.as_ref()).into()),
                role: Role::Command,
                path: executable,
                why: program.by.map_or_else(
                    || "the command".to_owned(),
                    |by| format!("run by {}", self.program_shown(by)),
                ),
                asker: Asker::Main,
                phases: program.phases,
                brought_by: None,
            });
        }
    }

    fn add_files(&mut self, id: ProgramId) {
        let program = self.program(id);
        if program.probing || program.governor.is_some() || program.part == Part::Toolchain {
            return;
        }
        let users = self.is_the_users(program);
        let modules = if users {
            self.add_modules(id)
        } else {
            BTreeMap::new()
        };
        self.add_loaded(id, users, &modules);
        for used in data::data(self.run, self.program(id), users, self.host) {
            self.needs.push(Need {
                thing: Thing::Data(used.name),
                role: Role::Data,
                why: format!(
                    "{} read by {}",
                    self.shown(&used.path),
                    self.program_shown(id)
                ),
                path: used.path,
                asker: self.asker(id),
                phases: self.program(id).phases,
                brought_by: None,
            });
        }
    }

    /// Adds the modules that the program's scripts used; the needs' numbers by module.
    fn add_modules(&mut self, id: ProgramId) -> BTreeMap<Bytes, usize> {
        let modules = modules::modules(self.run, self.program(id), self.host);
        let first = self.needs.len();
        let numbers: BTreeMap<Bytes, usize> = modules
            .iter()
            .enumerate()
            .map(|(number, module)| (module.name.clone(), first + number))
            .collect();
        for module in modules {
            let brought_by = module.brought_by.and_then(|by| numbers.get(&by).copied());
            self.needs.push(Need {
                why: format!("module {}, used by {}", module.name, self.program_shown(id)),
                thing: Thing::Module {
                    language: module.language,
                    name: module.name,
                    distribution: module.distribution,
                },
                role: Role::Module,
                path: module.path,
                asker: self.asker(id),
                phases: self.program(id).phases,
                brought_by,
            });
        }
        numbers
    }

    /// The libraries that this machine's loader puts into every program, if it read that it should: as they are named there, and where those names lead.
    fn preloaded_by_system(&self, program: &Program) -> BTreeMap<Bytes, &'static str> {
        let is_read = |file: &&str| {
            let usage = program.uses.get(&Bytes::from(*file));
            usage.is_some_and(|usage| usage.seen.has(Evidence::Read))
        };
        let mut preloaded = BTreeMap::new();
        for file in PRELOAD_FILES.into_iter().filter(is_read) {
            let text = self.host.text(file.into(), LONGEST_PRELOAD_FILE);
            let text = text.unwrap_or_default();
            let lines = text.lines().map(|line| line.split_str("#").next());
            let names = lines
                .flatten()
                .flat_map(|line| line.fields_with(|it| it.is_whitespace() || it == ':'))
                .flat_map(|named| [Some(Bytes::from(named)), self.host.real(named.into())])
                .flatten();
            preloaded.extend(names.map(|name| (name, file)));
        }
        preloaded
    }

    /// Adds the libraries that the program loaded.
    fn add_loaded(&mut self, id: ProgramId, users: bool, modules: &BTreeMap<Bytes, usize>) {
        let program = self.program(id);
        let command = self.of_program.get(&id).copied();
        let of_module = |path: &Bytes| modules::is_module_file(program, path.as_ref());
        // What a module of an interpreter is made of, its package brings.
        let loaded: Vec<loading::Loaded> = loading::loaded(self.run, program, self.host)
            .into_iter()
            .filter(|loaded| !of_module(&loaded.path))
            .collect();
        let first = self.needs.len();
        let numbers: BTreeMap<&Bytes, usize> = loaded
            .iter()
            .enumerate()
            .map(|(number, loaded)| (&loaded.path, first + number))
            .collect();
        let brought_by = |object: &Bytes| {
            let module = modules::module_of(program, object.as_ref());
            let module = module.and_then(|name| modules.get(&name));
            module.or_else(|| numbers.get(object)).copied().or(command)
        };
        let of_the_system = self.preloaded_by_system(program);
        let needs: Vec<Option<Need>> = loaded
            .iter()
            .zip(first..)
            .map(|(loaded, number)| {
                let soname = &loaded.soname;
                let by_system = of_the_system
                    .get(&loaded.path)
                    .or_else(|| of_the_system.get(soname));
                if let Some(file) = by_system {
                    // The machine's wish, not the program's: it is none of what that needs.
                    return Some(Need {
                        thing: Thing::Library(soname.clone()),
                        role: Role::Library,
                        path: loaded.path.clone(),
                        why: format!("{soname}, loaded into every program by {file}"),
                        brought_by: Some(number),
                        asker: Asker::Other,
                        phases: program.phases,
                    });
                }
                let is_preloaded = program.preloads(&loaded.path, soname)
                    && classify::parent(loaded.path.as_ref())
                        .is_some_and(classify::is_public_library_directory);
                let (role, why, brought_by) = match &loaded.asked {
                    // A tool that preloads a library of its own keeps it in a place of its own.
                    _ if is_preloaded => (
                        Role::Library,
                        format!("{soname}, named by LD_PRELOAD"),
                        None,
                    ),
                    Asked::NeededByOwn(by) if users && !of_module(by) => (
                        Role::Library,
                        format!("{soname}, needed by {}", self.shown(by)),
                        None,
                    ),
                    Asked::OpenedByOwn(by) if users => {
                        let by = match by {
                            Some(by) => self.shown(by),
                            None => self.program_shown(id),
                        };
                        (
                            Role::Dlopen,
                            format!("{soname}, opened at run time by {by}"),
                            None,
                        )
                    }
                    Asked::Untold if users => (
                        Role::Library,
                        format!("{soname}, loaded by {}", self.program_shown(id)),
                        None,
                    ),
                    Asked::System(Some(by)) | Asked::NeededByOwn(by) => (
                        Role::Library,
                        format!("{soname}, loaded by {}", self.program_shown(id)),
                        Some(brought_by(by)?),
                    ),
                    // A plug-in: which library looked for it is not known by name, so for the
                    // user's own program there is none to name.
                    Asked::System(None) | Asked::OpenedByOwn(_) | Asked::Untold => (
                        Role::Library,
                        format!("{soname}, loaded by {}", self.program_shown(id)),
                        Some(command?),
                    ),
                };
                let asker = match &loaded.asked {
                    Asked::NeededByOwn(by) | Asked::OpenedByOwn(Some(by)) => {
                        self.object_asker(id, by)
                    }
                    Asked::OpenedByOwn(None) | Asked::Untold => self.asker(id),
                    Asked::System(_) => Asker::Other,
                };
                Some(Need {
                    thing: Thing::Library(soname.clone()),
                    role,
                    path: loaded.path.clone(),
                    why,
                    asker,
                    phases: self.program(id).phases,
                    brought_by,
                })
            })
            .collect();
        // The numbers above count every library, so one without a bringer keeps its place as
        // something that itself brings.
        for (need, loaded) in needs.into_iter().zip(&loaded) {
            let number = self.needs.len();
            self.needs.push(need.unwrap_or_else(|| Need {
                thing: Thing::Library(loaded.soname.clone()),
                role: Role::Library,
                path: loaded.path.clone(),
                why: format!("{}, loaded as a plug-in", loaded.soname),
                asker: Asker::Other,
                phases: Phases::default(),
                brought_by: Some(number),
            }));
        }
    }
}

impl Analysis<'_> {
    /// What a Python project asks for when it is used; building it imports nothing of that.
    fn add_required(&mut self, subject: &Subject) {
        let SubjectForm::Project {
            manifest, steps, ..
        } = &subject.form
        else {
            return;
        };
        if !steps.iter().any(|step| step.tool == Tool::Python) {
            return;
        }
        let names = manifest.dependencies.iter();
        let names = names.filter_map(|requirement| manifest::distribution(requirement));
        self.needs.extend(names.map(|name| Need {
            thing: Thing::Module {
                language: Language::Python,
                // The one is mostly the other.
                name: name.replace('-', "_").into(),
                distribution: Some(name.as_str().into()),
            },
            role: Role::Module,
            path: Bytes::default(),
            why: "required by pyproject.toml".to_owned(),
            asker: Asker::Main,
            phases: Phases::default(),
            brought_by: None,
        }));
    }
}

/// The addresses that the run used, but for those of the C library's own look-ups.
fn network(run: &Run) -> BTreeSet<(ContactAction, Endpoint, Option<Bytes>, bool)> {
    run.contacts
        .iter()
        .filter(|(_, endpoint, ..)| match endpoint {
            // nscd(8) is asked by the C library before it reads a database itself (T46).
            Endpoint::Unix { path } => !path.ends_with(b"nscd/socket"),
            Endpoint::Inet { .. } => true,
            Endpoint::Abstract { name } => !name.is_empty(),
            // Netlink and its kin are questions to the kernel.
            Endpoint::Other { .. } => false,
        })
        .map(|(action, endpoint, by, succeeded)| {
            let by = by.map(|id| run.programs[id.0].shown().clone());
            (*action, endpoint.clone(), by, *succeeded)
        })
        .collect()
}
