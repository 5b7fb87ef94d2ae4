//! The resources of a run as a directed graph without circles: processes start processes and use
//! executables, libraries, files, addresses and variables, which something provides.
//!
//! Who provides what is told by the caller, in a word of its own (the resolver's attribute). Every
//! process has one parent, so the way from the command to a use of a thing is unique, and the
//! chains to a thing are as many as its users.

use super::chronicle::{Chronicle, Tally};
use super::classify::{file_name, is_library_name};
use super::evidence::Evidence;
use super::program::ProgramId;
use crate::trace::{Bytes, ContactAction, Endpoint, Outcome, ProcessId};
use petgraph::Direction;
use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Something that a run deals with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A process, by its place in [`Chronicle::processes`].
    Process(usize),
    /// A program that ran.
    Executable(ProgramId),
    /// A shared library that was mapped, by its path with links resolved.
    Library(Bytes),
    /// Another file, likewise.
    File(Bytes),
    /// A path that was looked for in vain.
    Missing(Bytes),
    /// An address, and the name that was asked for there.
    Endpoint(Endpoint, Option<Bytes>),
    /// A search variable with its value.
    Variable(String, Bytes),
    /// What provides things, by the name that the caller gave it.
    Provider(String),
}

/// How one resource leads to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// A process made another.
    Started,
    /// A process ran a program.
    Ran,
    /// A process used a file; the strongest thing that was seen.
    Used(Evidence),
    /// A process looked for a path, and this came of it.
    Missed(Outcome),
    /// A process used an address.
    Contacted(ContactAction, Outcome),
    /// A process had a variable.
    Had,
    /// Something provides it, for these reasons.
    ProvidedBy(Vec<String>),
    /// The whole run shows that something is needed, for these reasons, and no single file does.
    Needs(Vec<String>),
}

/// An edge keeps so many reasons; a package of headers can have hundreds.
const REASONS: usize = 3;

impl Relation {
    fn add_reason(&mut self, reason: &str) {
        if let Self::ProvidedBy(reasons) | Self::Needs(reasons) = self
            && reasons.len() < REASONS
            && !reasons.iter().any(|known| known == reason)
        {
            reasons.push(reason.to_owned());
        }
    }

    /// Whether it makes no dependency: the resource was only looked at.
    fn is_weak(&self) -> bool {
        matches!(
            self,
            Self::Used(Evidence::Listed | Evidence::Examined | Evidence::Probed)
        )
    }
}

/// An edge: the relation, and how often it was seen where that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// How the two are related.
    pub relation: Relation,
    /// How often, when and by which processes of the same program.
    pub tally: Option<Tally>,
}

/// Number of a [`Resource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId(NodeIndex);

/// A thing that is provided: what the caller knows about one need of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provision {
    /// Who provides it.
    pub provider: String,
    /// The file that shows the need.
    pub path: Bytes,
    /// The reason, for a person.
    pub why: String,
}

/// A way from the command to a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// The resources, the command's process first, each with the edge that leads to it.
    pub links: Vec<(ResourceId, Option<Edge>)>,
}

/// The graph.
pub struct Resources {
    graph: DiGraph<Resource, Edge>,
    /// Files, executables and what was missed, by every path they were named by.
    by_path: HashMap<Bytes, Vec<NodeIndex>>,
    providers: HashMap<String, NodeIndex>,
    /// The command's process.
    root: Option<NodeIndex>,
}

impl Resources {
    /// The resources of a run.
    pub fn of(chronicle: &Chronicle) -> Self {
        let mut made = Making {
            resources: Self {
                graph: DiGraph::new(),
                by_path: HashMap::new(),
                providers: HashMap::new(),
                root: None,
            },
            processes: HashMap::new(),
            depths: HashMap::new(),
            files: HashMap::new(),
        };
        made.add_processes(chronicle);
        made.add_programs(chronicle);
        made.add_uses(chronicle);
        made.add_others(chronicle);
        made.resources
    }

    /// Adds who provides the run's needs.
    pub fn provide(&mut self, provisions: &[Provision]) {
        for provision in provisions {
            let provider = *self
                .providers
                .entry(provision.provider.clone())
                .or_insert_with(|| {
                    self.graph
                        .add_node(Resource::Provider(provision.provider.clone()))
                });
            let shown_by = self.shown_by(&provision.path);
            // A need that no file of its own shows (a module's metadata, a look at a directory) is
            // the command's.
            let (sources, relation): (_, fn(Vec<String>) -> Relation) = if shown_by.is_empty() {
                (self.root.into_iter().collect(), Relation::Needs)
            } else {
                (shown_by, Relation::ProvidedBy)
            };
            for source in sources {
                match self.graph.find_edge(source, provider) {
                    Some(edge) => self.graph[edge].relation.add_reason(&provision.why),
                    None => {
                        let edge = Edge {
                            relation: relation(vec![provision.why.clone()]),
                            tally: None,
                        };
                        self.graph.add_edge(source, provider, edge);
                    }
                }
            }
        }
    }

    /// The files that show a need: the one at its path, or the first of those below it.
    fn shown_by(&self, path: &Bytes) -> Vec<NodeIndex> {
        let is_used = |node: &NodeIndex| !matches!(self.graph[*node], Resource::Missing(_));
        let exact = self.by_path.get(path);
        let mut found: Vec<NodeIndex> = exact.into_iter().flatten().copied().collect();
        found.retain(is_used);
        if found.is_empty() {
            let below = self
                .by_path
                .iter()
                .filter(|(file, _)| {
                    file.strip_prefix(path.as_bytes())
                        .is_some_and(|rest| rest.starts_with(b"/"))
                })
                .min_by_key(|(file, _)| *file);
            found.extend(below.into_iter().flat_map(|(_, nodes)| nodes));
            found.retain(is_used);
        }
        found
    }

    /// A resource.
    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.graph[id.0]
    }

    /// All resources, in the order in which they were first seen.
    pub fn all(&self) -> impl Iterator<Item = (ResourceId, &Resource)> {
        let nodes = self.graph.node_indices();
        nodes.map(|node| (ResourceId(node), &self.graph[node]))
    }

    /// All edges: from, to, what.
    pub fn edges(&self) -> impl Iterator<Item = (ResourceId, ResourceId, &Edge)> {
        self.graph.edge_references().map(|edge| {
            let (from, to) = (edge.source(), edge.target());
            (ResourceId(from), ResourceId(to), edge.weight())
        })
    }

    /// The resources that go by a name: a provider, also by the last word of its name; a file, executable or missing path by its path or its last
    /// component; a variable by its name; an address by its text, host or port, by the name that was asked for there,
    /// or by a name that it was the answer for.
    pub fn named(&self, chronicle: &Chronicle, name: &str) -> Vec<ResourceId> {
        if let Some(&provider) = self.providers.get(name) {
            return vec![ResourceId(provider)];
        }
        // `numpy` for `python3Packages.numpy`.
        let of_sets: Vec<ResourceId> = self
            .providers
            .iter()
            .filter(|(attr, _)| attr.rsplit_once('.').is_some_and(|(_, last)| last == name))
            .map(|(_, &provider)| ResourceId(provider))
            .collect();
        if !of_sets.is_empty() {
            return of_sets;
        }
        let path = Bytes::from(name);
        let absolute = match name.strip_prefix("~/") {
            Some(inner) => chronicle
                .run
                .header
                .home
                .as_ref()
                .map(|home| Bytes::from([home.as_bytes(), b"/", inner.as_bytes()].concat())),
            None if name.starts_with('/') => Some(path.clone()),
            None => {
                let inner = name.strip_prefix("./").unwrap_or(name);
                let cwd = &chronicle.run.header.cwd;
                Some([cwd.as_bytes(), b"/", inner.as_bytes()].concat().into())
            }
        };
        let mut found: BTreeSet<NodeIndex> = BTreeSet::new();
        let exact = absolute.and_then(|path| self.by_path.get(&path));
        found.extend(exact.into_iter().flatten());
        if found.is_empty() && !name.contains('/') {
            let files = self
                .by_path
                .iter()
                .filter(|(file, _)| file_name(file.as_ref()) == name);
            found.extend(files.flat_map(|(_, nodes)| nodes));
        }
        for node in self.graph.node_indices() {
            let is_named = match &self.graph[node] {
                Resource::Variable(variable, _) => variable == name,
                Resource::Endpoint(endpoint, asked) => {
                    let is_it = |it: &Bytes| it.as_bytes().eq_ignore_ascii_case(name.as_bytes());
                    is_address(endpoint, name)
                        || asked.as_ref().is_some_and(is_it)
                        || chronicle
                            .names_at(endpoint, asked.as_ref())
                            .iter()
                            .any(is_it)
                }
                _ => false,
            };
            if is_named {
                found.insert(node);
            }
        }
        // What was found somewhere was not missing in the end.
        if found.iter().any(|node| !self.is_missing(*node)) {
            found.retain(|node| !self.is_missing(*node));
        }
        found.into_iter().map(ResourceId).collect()
    }

    fn is_missing(&self, node: NodeIndex) -> bool {
        matches!(self.graph[node], Resource::Missing(_))
    }

    /// The provider of this name.
    pub fn provider(&self, name: &str) -> Option<ResourceId> {
        self.providers.get(name).copied().map(ResourceId)
    }

    /// Names that hold a text, for a person who has mistyped one.
    pub fn similar(&self, text: &str, most: usize) -> Vec<String> {
        let lower = text.to_lowercase();
        let holds = |name: &str| name.to_lowercase().contains(&lower);
        let providers = self.providers.keys().filter(|name| holds(name)).cloned();
        let files = self
            .by_path
            .keys()
            .map(|path| file_name(path.as_ref()).to_string())
            .filter(|name| holds(name));
        let mut names: Vec<String> = providers.chain(files).collect();
        names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
        names.dedup();
        names.truncate(most);
        names
    }

    /// The shortest chains from the command to a resource, shortest first, those that were seen
    /// more often before others of their length.
    pub fn chains(&self, target: ResourceId, most: usize) -> Vec<Chain> {
        // Only the last two steps have a choice; before them each process has its one parent.
        let mut ends: Vec<Vec<(NodeIndex, EdgeIndex)>> = Vec::new();
        match self.graph[target.0] {
            Resource::Provider(_) => {
                for edge in self.graph.edges_directed(target.0, Direction::Incoming) {
                    let last = (target.0, edge.id());
                    let source = edge.source();
                    if matches!(self.graph[source], Resource::Process(_)) {
                        ends.push(vec![last]);
                    } else {
                        let users = self.graph.edges_directed(source, Direction::Incoming);
                        ends.extend(users.map(|user| vec![(source, user.id()), last]));
                    }
                }
            }
            Resource::Process(_) => {
                return vec![self.chain_of_process(target.0)];
            }
            _ => {
                let users = self.graph.edges_directed(target.0, Direction::Incoming);
                ends.extend(users.map(|user| vec![(target.0, user.id())]));
            }
        }
        let mut chains: Vec<Chain> = ends
            .into_iter()
            .filter_map(|end| {
                let (_, first) = *end.first()?;
                let (process, _) = self.graph.edge_endpoints(first)?;
                let mut chain = self.chain_of_process(process);
                let links = end
                    .into_iter()
                    .map(|(node, edge)| (ResourceId(node), Some(self.graph[edge].clone())));
                chain.links.extend(links);
                Some(chain)
            })
            .collect();
        chains.sort_by_cached_key(Chain::rank);
        chains.truncate(most);
        chains
    }

    /// The way from the command to a process.
    fn chain_of_process(&self, process: NodeIndex) -> Chain {
        let mut links = Vec::new();
        let mut at = process;
        loop {
            let parent = self
                .graph
                .edges_directed(at, Direction::Incoming)
                .find(|edge| edge.weight().relation == Relation::Started);
            let edge = parent.as_ref().map(|edge| edge.weight().clone());
            links.push((ResourceId(at), edge));
            match parent {
                Some(parent) => at = parent.source(),
                None => break,
            }
        }
        links.reverse();
        Chain { links }
    }

    /// Whether no way leads back to where it came from. It holds by construction; for tests.
    #[cfg(test)]
    pub(crate) fn is_acyclic(&self) -> bool {
        !petgraph::algo::is_cyclic_directed(&self.graph)
    }
}

/// What puts one chain before another.
type Rank = (bool, bool, usize, std::cmp::Reverse<u64>, Vec<ResourceId>);

impl Chain {
    /// What comes first: real uses before looks, what not only failed processes used, what is short,
    /// what was used often, what was used early.
    fn rank(&self) -> Rank {
        let edges = || self.links.iter().filter_map(|(_, edge)| edge.as_ref());
        let is_weak = edges().any(|edge| edge.relation.is_weak());
        let mut tallies = edges().filter_map(|edge| edge.tally.as_ref());
        let failed = tallies.clone().any(|tally| tally.only_failed);
        let count = tallies.next_back().map_or(0, |tally| tally.count);
        let ids = self.links.iter().map(|(id, _)| *id).collect();
        (
            is_weak,
            failed,
            self.links.len(),
            std::cmp::Reverse(count),
            ids,
        )
    }
}

/// Whether an address goes by this name: `192.0.2.1:80`, `192.0.2.1`, `80`, `/run/x.socket`, `@x`.
fn is_address(endpoint: &Endpoint, name: &str) -> bool {
    match endpoint {
        Endpoint::Inet { address, port, .. } => {
            let socket = std::net::SocketAddr::new(*address, *port);
            name == socket.to_string() || name == address.to_string() || name == port.to_string()
        }
        Endpoint::Unix { path } => path.as_bytes() == name.as_bytes(),
        Endpoint::Abstract { name: own } => name
            .strip_prefix('@')
            .is_some_and(|name| own.as_bytes() == name.as_bytes()),
        Endpoint::Other { .. } => false,
    }
}

/// The graph while it is made.
struct Making {
    resources: Resources,
    processes: HashMap<ProcessId, NodeIndex>,
    depths: HashMap<ProcessId, usize>,
    files: HashMap<Bytes, NodeIndex>,
}

impl Making {
    fn add_processes(&mut self, chronicle: &Chronicle) {
        for (number, process) in chronicle.processes.iter().enumerate() {
            let node = self.add(Resource::Process(number));
            // A parent comes before its children; what a trace says otherwise would be a circle.
            let parent = process
                .parent
                .and_then(|parent| Some((parent, *self.processes.get(&parent)?)));
            let depth = match parent {
                Some((parent, above)) => {
                    let edge = Edge {
                        relation: Relation::Started,
                        tally: None,
                    };
                    self.resources.graph.add_edge(above, node, edge);
                    self.depths.get(&parent).map_or(0, |depth| depth + 1)
                }
                None => 0,
            };
            self.processes.insert(process.id, node);
            self.depths.insert(process.id, depth);
            self.resources.root.get_or_insert(node);
        }
    }

    fn add_programs(&mut self, chronicle: &Chronicle) {
        let mut nodes: HashMap<ProgramId, NodeIndex> = HashMap::new();
        for execution in &chronicle.executions {
            let program = &chronicle.run.programs[execution.program.0];
            let node = *nodes.entry(execution.program).or_insert_with(|| {
                self.resources
                    .graph
                    .add_node(Resource::Executable(execution.program))
            });
            let paths = [
                Some(&program.executable),
                program.real.as_ref(),
                program.script.as_ref(),
            ];
            for path in paths.into_iter().flatten() {
                self.name(path, node);
            }
            self.connect(node, Relation::Ran, &execution.tally);
        }
    }

    fn add_uses(&mut self, chronicle: &Chronicle) {
        // A program names one file by several paths: a library by the loader's search and then by
        // what its link leads to.
        let mut uses: BTreeMap<(ProgramId, NodeIndex), (Evidence, Tally)> = BTreeMap::new();
        for usage in &chronicle.uses {
            let Some(evidence) = usage.seen.strongest() else {
                continue;
            };
            let file = usage.file();
            let node = match self.files.get(file) {
                Some(&node) => node,
                None => {
                    let is_library = usage.seen.has(Evidence::Mapped)
                        || is_library_name(file_name(file.as_ref()));
                    let node = self.add(match is_library {
                        true => Resource::Library(file.clone()),
                        false => Resource::File(file.clone()),
                    });
                    self.files.insert(file.clone(), node);
                    node
                }
            };
            self.name(file, node);
            self.name(&usage.path, node);
            uses.entry((usage.program, node))
                .and_modify(|(strongest, tally)| {
                    *strongest = evidence.min(*strongest);
                    tally.join(&usage.tally);
                })
                .or_insert_with(|| (evidence, usage.tally.clone()));
        }
        for ((_, node), (evidence, tally)) in uses {
            self.connect(node, Relation::Used(evidence), &tally);
        }
    }

    fn add_others(&mut self, chronicle: &Chronicle) {
        let mut missing: HashMap<&Bytes, NodeIndex> = HashMap::new();
        for probe in &chronicle.probes {
            let node = *missing.entry(&probe.path).or_insert_with(|| {
                self.resources
                    .graph
                    .add_node(Resource::Missing(probe.path.clone()))
            });
            self.name(&probe.path, node);
            self.connect(node, Relation::Missed(probe.outcome), &probe.tally);
        }
        let mut endpoints: HashMap<(&Endpoint, &Option<Bytes>), NodeIndex> = HashMap::new();
        for contact in &chronicle.contacts {
            let place = (&contact.endpoint, &contact.asked);
            let node = *endpoints.entry(place).or_insert_with(|| {
                let (endpoint, asked) = (contact.endpoint.clone(), contact.asked.clone());
                self.resources
                    .graph
                    .add_node(Resource::Endpoint(endpoint, asked))
            });
            let relation = Relation::Contacted(contact.action, contact.outcome);
            self.connect(node, relation, &contact.tally);
        }
        for variable in &chronicle.variables {
            let name = variable.name.clone();
            let node = self.add(Resource::Variable(name, variable.value.clone()));
            self.connect(node, Relation::Had, &variable.tally);
        }
    }

    fn add(&mut self, resource: Resource) -> NodeIndex {
        self.resources.graph.add_node(resource)
    }

    fn name(&mut self, path: &Bytes, node: NodeIndex) {
        let nodes = self.resources.by_path.entry(path.clone()).or_default();
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }

    /// Leads from the process of the tally that is nearest to the command to a resource; from the
    /// command itself when none of them is kept.
    fn connect(&mut self, node: NodeIndex, relation: Relation, tally: &Tally) {
        let nearest = tally
            .processes
            .iter()
            .filter_map(|id| Some((self.depths.get(id)?, self.processes.get(id)?)))
            .min();
        let process = nearest.map(|(_, &process)| process).or(self.resources.root);
        if let Some(process) = process {
            let edge = Edge {
                relation,
                tally: Some(tally.clone()),
            };
            self.resources.graph.add_edge(process, node, edge);
        }
    }
}
