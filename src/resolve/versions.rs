//! Which variant of a package a version in a name asks for.
//!
//! nixpkgs keeps several majors of some packages as attributes of their own, and a library's soname
//! or a command's suffix says which one fits: `libssl.so.1.1` is `openssl_1_1`, `libavcodec.so.60`
//! is `ffmpeg_6`. These are facts about the projects' releases and today's nixpkgs, kept as tables
//! of rules; an index of a few years ago has other versions or none.

use super::{AttrPath, Basis, Candidate, Facts, FileForm, Kind, Output, Query, Source, SourceKind};
use crate::trace::Bytes;
use bstr::ByteSlice;

/// What a version in a query's name asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The package without a version, for a person and to know other variants by: `ffmpeg`.
    pub family: &'static str,
    /// The attribute that fits; none when today's nixpkgs has none, and then no other variant
    /// fits either.
    pub attr: Option<String>,
    /// Its output.
    pub output: &'static str,
}

impl Wanted {
    /// Whether an attribute is another variant of the package, and so contradicts the version.
    pub fn contradicts(&self, attr: &AttrPath) -> bool {
        if self.attr.as_deref() == Some(attr.as_str()) {
            return false;
        }
        let first = attr.parts().next().unwrap_or_default();
        let rest = first.strip_prefix(self.family);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    }
}

/// The variant that a query's name asks for; none when its name holds no version that matters.
pub fn wanted(query: &Query) -> Option<Wanted> {
    let name = query.name.to_str().ok()?;
    match query.kind {
        Kind::Soname => by_soname(name),
        Kind::Command => by_command(name),
        Kind::PkgConfig => by_module(name),
        Kind::CMake => by_package(name),
        Kind::Typelib if ["Soup-2.4", "SoupGNOME-2.4"].contains(&name) => gone("libsoup"),
        // Which Python's headers a system has is no wish of the program that reads them.
        Kind::Header if is_header_of_python(name) => found("python", "python3", "out"),
        _ => None,
    }
}

/// `python3.11/Python.h`. Modules put their headers into the same directory: those of their own
/// directories there, and those with capitals, are not Python's.
fn is_header_of_python(name: &str) -> bool {
    let Some((directory, file)) = name.split_once('/') else {
        return false;
    };
    let own = ["cpython/", "internal/"];
    let file = own
        .iter()
        .find_map(|own| file.strip_prefix(own))
        .unwrap_or(file);
    directory.starts_with("python3.")
        && (file == "Python.h" || !file.contains(|c: char| c == '/' || c.is_ascii_uppercase()))
}

fn found(family: &'static str, attr: impl Into<String>, output: &'static str) -> Option<Wanted> {
    Some(Wanted {
        family,
        attr: Some(attr.into()),
        output,
    })
}

fn gone(family: &'static str) -> Option<Wanted> {
    Some(Wanted {
        family,
        attr: None,
        output: "out",
    })
}

/// A library's name, its soname's version, the family, the attribute that has it, the output.
type SonameRule = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Sonames that change with the package's major version.
const SONAMES: &[SonameRule] = &[
    ("libssl", "3", "openssl", "openssl", "out"),
    ("libcrypto", "3", "openssl", "openssl", "out"),
    ("libssl", "1.1", "openssl", "openssl_1_1", "out"),
    ("libcrypto", "1.1", "openssl", "openssl_1_1", "out"),
    ("libncurses", "6", "ncurses", "ncurses", "out"),
    ("libncursesw", "6", "ncurses", "ncurses", "out"),
    ("libtinfo", "6", "ncurses", "ncurses", "out"),
    ("libtinfow", "6", "ncurses", "ncurses", "out"),
    ("libncurses", "5", "ncurses", "ncurses5", "out"),
    ("libncursesw", "5", "ncurses", "ncurses5", "out"),
    ("libtinfo", "5", "ncurses", "ncurses5", "out"),
    ("libpanel", "5", "ncurses", "ncurses5", "out"),
    ("libreadline", "8", "readline", "readline", "out"),
    ("libhistory", "8", "readline", "readline", "out"),
    ("libreadline", "7", "readline", "readline70", "out"),
    ("libpng16", "16", "libpng", "libpng", "out"),
    ("libpng12", "0", "libpng", "libpng12", "out"),
    ("libjpeg", "62", "libjpeg", "libjpeg", "out"),
    ("libjpeg", "8", "libjpeg", "libjpeg8", "out"),
    ("libcrypt", "1", "libxcrypt", "libxcrypt-legacy", "out"),
    ("libcrypt", "2", "libxcrypt", "libxcrypt", "out"),
    ("libpcre", "3", "pcre", "pcre", "out"),
    ("libpcre", "1", "pcre", "pcre", "out"),
    ("libprotobuf", "32", "protobuf", "protobuf_21", "out"),
    ("libprotobuf-lite", "32", "protobuf", "protobuf_21", "out"),
    ("libprotoc", "32", "protobuf", "protobuf_21", "out"),
    (
        "libwebkit2gtk-4.1",
        "0",
        "webkitgtk",
        "webkitgtk_4_1",
        "out",
    ),
    (
        "libjavascriptcoregtk-4.1",
        "0",
        "webkitgtk",
        "webkitgtk_4_1",
        "out",
    ),
    ("libwebkitgtk-6.0", "4", "webkitgtk", "webkitgtk_6_0", "out"),
    (
        "libjavascriptcoregtk-6.0",
        "1",
        "webkitgtk",
        "webkitgtk_6_0",
        "out",
    ),
    ("libgtk-3", "0", "gtk", "gtk3", "out"),
    ("libgdk-3", "0", "gtk", "gtk3", "out"),
    ("libgtk-4", "1", "gtk", "gtk4", "out"),
    ("libgtk-x11-2.0", "0", "gtk", "gtk2", "out"),
    ("libgdk-x11-2.0", "0", "gtk", "gtk2", "out"),
    ("libfuse", "2", "fuse", "fuse", "out"),
    ("libfuse3", "3", "fuse", "fuse3", "out"),
    ("libfuse3", "4", "fuse", "fuse3", "out"),
    ("libmariadb", "3", "mariadb", "libmysqlclient", "out"),
    ("libsoup-3.0", "0", "libsoup", "libsoup_3", "out"),
];

/// Sonames of releases that nixpkgs has removed: the library's name, the version, the family.
const SONAMES_GONE: &[(&str, &str, &str)] = &[
    ("libMagickCore-6.Q16", "6", "imagemagick"),
    ("libMagickCore-6.Q16", "7", "imagemagick"),
    ("libMagickWand-6.Q16", "6", "imagemagick"),
    ("libMagickWand-6.Q16", "7", "imagemagick"),
    ("libMagick++-6.Q16", "8", "imagemagick"),
    ("libMagick++-6.Q16", "9", "imagemagick"),
    ("libmbedcrypto", "7", "mbedtls"),
    ("libmbedtls", "14", "mbedtls"),
    ("libmbedx509", "1", "mbedtls"),
    ("libsoup-2.4", "1", "libsoup"),
    ("libsoup-gnome-2.4", "1", "libsoup"),
];

/// A family of libraries that one package brings, each with its own soname number per release.
/// FFmpeg's numbers are those of its release branches (each library's `version_major.h`).
const FFMPEG: &[(&str, &[(&str, &str)])] = &[
    (
        "libavcodec",
        &[
            ("58", "4"),
            ("59", "5"),
            ("60", "6"),
            ("61", "7"),
            ("62", "8"),
        ],
    ),
    (
        "libavformat",
        &[
            ("58", "4"),
            ("59", "5"),
            ("60", "6"),
            ("61", "7"),
            ("62", "8"),
        ],
    ),
    (
        "libavdevice",
        &[
            ("58", "4"),
            ("59", "5"),
            ("60", "6"),
            ("61", "7"),
            ("62", "8"),
        ],
    ),
    (
        "libavutil",
        &[
            ("56", "4"),
            ("57", "5"),
            ("58", "6"),
            ("59", "7"),
            ("60", "8"),
        ],
    ),
    (
        "libavfilter",
        &[("7", "4"), ("8", "5"), ("9", "6"), ("10", "7"), ("11", "8")],
    ),
    (
        "libswscale",
        &[("5", "4"), ("6", "5"), ("7", "6"), ("8", "7"), ("9", "8")],
    ),
    // Releases 5 and 6 share this one.
    (
        "libswresample",
        &[("3", "4"), ("4", "6"), ("5", "7"), ("6", "8")],
    ),
    (
        "libpostproc",
        &[("55", "4"), ("56", "5"), ("57", "6"), ("58", "7")],
    ),
];

/// Modules of Qt 5 and 6 by the package that builds them.
const QT_MODULES: &[(&str, &[&str])] = &[
    (
        "qtbase",
        &[
            "Core",
            "Gui",
            "Widgets",
            "Network",
            "DBus",
            "Sql",
            "Xml",
            "Test",
            "PrintSupport",
            "Concurrent",
            "OpenGL",
            "XcbQpa",
            "EglFSDeviceIntegration",
            "EglFsKmsSupport",
        ],
    ),
    (
        "qtdeclarative",
        &[
            "Qml",
            "QmlModels",
            "QmlWorkerScript",
            "Quick",
            "QuickWidgets",
            "QuickTest",
            "QuickShapes",
            "QuickParticles",
        ],
    ),
    ("qtsvg", &["Svg"]),
    (
        "qtmultimedia",
        &["Multimedia", "MultimediaWidgets", "MultimediaQuick"],
    ),
    ("qtwebchannel", &["WebChannel"]),
    ("qtwebsockets", &["WebSockets"]),
    ("qtwebview", &["WebView"]),
    ("qtwayland", &["WaylandCompositor"]),
    ("qtserialport", &["SerialPort"]),
    ("qtserialbus", &["SerialBus"]),
    ("qtsensors", &["Sensors"]),
    ("qtlocation", &["Location"]),
    (
        "qttools",
        &[
            "Designer",
            "DesignerComponents",
            "Help",
            "LinguistTools",
            "UiTools",
        ],
    ),
    ("qtcharts", &["Charts"]),
    ("qtdatavis3d", &["DataVisualization"]),
    ("qtnetworkauth", &["NetworkAuth"]),
    ("qtremoteobjects", &["RemoteObjects"]),
    ("qtscxml", &["Scxml"]),
    ("qtvirtualkeyboard", &["VirtualKeyboard"]),
    (
        "qt3d",
        &[
            "3DCore",
            "3DRender",
            "3DInput",
            "3DLogic",
            "3DExtras",
            "3DAnimation",
            "3DQuick",
            "3DQuickAnimation",
            "3DQuickExtras",
            "3DQuickInput",
            "3DQuickRender",
            "3DQuickScene2D",
        ],
    ),
    ("qtspeech", &["TextToSpeech"]),
    ("qtconnectivity", &["Bluetooth", "Nfc"]),
];

/// Modules that only Qt 5 has, or that another package builds there.
const QT5_MODULES: &[(&str, &[&str])] = &[
    ("qtgamepad", &["Gamepad"]),
    ("qtlocation", &["Positioning", "PositioningQuick"]),
    ("qtquickcontrols2", &["QuickControls2", "QuickTemplates2"]),
    ("qtscript", &["Script", "ScriptTools"]),
    ("qtwayland", &["WaylandClient"]),
    ("qtx11extras", &["X11Extras"]),
    ("qtxmlpatterns", &["XmlPatterns"]),
];

/// Modules of Qt 5 whose packages nixpkgs has removed: engines of browsers that nobody mends any more.
const QT5_GONE: &[&str] = &[
    "Pdf",
    "PdfWidgets",
    "WebEngine",
    "WebEngineCore",
    "WebEngineWidgets",
    "WebKit",
    "WebKitWidgets",
];

/// Modules that only Qt 6 has, or that another package builds there. What Wayland's clients need is in
/// qtbase since Qt 6.10.
const QT6_MODULES: &[(&str, &[&str])] = &[
    (
        "qtbase",
        &[
            "OpenGLWidgets",
            "EglFsKmsGbmSupport",
            "WaylandClient",
            "WaylandEglClientHwIntegration",
            "WlShellIntegration",
        ],
    ),
    (
        "qtdeclarative",
        &[
            "LabsAnimation",
            "LabsFolderListModel",
            "LabsPlatform",
            "LabsQmlModels",
            "LabsSettings",
            "LabsSharedImage",
            "LabsSynchronizer",
            "LabsWavefrontMesh",
            "QmlCompiler",
            "QmlCore",
            "QmlLocalStorage",
            "QmlMeta",
            "QmlNetwork",
            "QmlXmlListModel",
            "QuickControls2",
            "QuickControls2Basic",
            "QuickControls2BasicStyleImpl",
            "QuickControls2FluentWinUI3StyleImpl",
            "QuickControls2Fusion",
            "QuickControls2FusionStyleImpl",
            "QuickControls2Imagine",
            "QuickControls2ImagineStyleImpl",
            "QuickControls2Impl",
            "QuickControls2Material",
            "QuickControls2MaterialStyleImpl",
            "QuickControls2Universal",
            "QuickControls2UniversalStyleImpl",
            "QuickDialogs2",
            "QuickDialogs2QuickImpl",
            "QuickDialogs2Utils",
            "QuickEffects",
            "QuickLayouts",
            "QuickTemplates2",
            "QuickVectorImage",
            "QuickVectorImageGenerator",
        ],
    ),
    ("qtsvg", &["SvgWidgets"]),
    ("qtmultimedia", &["SpatialAudio"]),
    (
        "qtwebengine",
        &[
            "Pdf",
            "PdfQuick",
            "PdfWidgets",
            "WebEngine",
            "WebEngineCore",
            "WebEngineQuick",
            "WebEngineQuickDelegatesQml",
            "WebEngineWidgets",
        ],
    ),
    ("qtwebchannel", &["WebChannelQuick"]),
    ("qtwebview", &["WebViewQuick"]),
    ("qtwayland", &["WaylandEglCompositorHwIntegration"]),
    ("qtpositioning", &["Positioning", "PositioningQuick"]),
    ("qtsensors", &["SensorsQuick"]),
    ("qtcharts", &["ChartsQml"]),
    ("qtdatavis3d", &["DataVisualizationQml"]),
    ("qtgraphs", &["Graphs", "GraphsWidgets"]),
    (
        "qtgrpc",
        &[
            "Grpc",
            "GrpcQuick",
            "Protobuf",
            "ProtobufQtCoreTypes",
            "ProtobufQtGuiTypes",
            "ProtobufQuick",
            "ProtobufWellKnownTypes",
        ],
    ),
    ("qthttpserver", &["HttpServer"]),
    ("qtlanguageserver", &["JsonRpc", "LanguageServer"]),
    ("qtlottie", &["Bodymovin"]),
    ("qtmqtt", &["Mqtt"]),
    (
        "qtquick3d",
        &[
            "Quick3D",
            "Quick3DAssetImport",
            "Quick3DAssetUtils",
            "Quick3DEffects",
            "Quick3DGlslParser",
            "Quick3DHelpers",
            "Quick3DHelpersImpl",
            "Quick3DIblBaker",
            "Quick3DParticleEffects",
            "Quick3DParticles",
            "Quick3DRuntimeRender",
            "Quick3DUtils",
        ],
    ),
    (
        "qtquick3dphysics",
        &["Quick3DPhysics", "Quick3DPhysicsHelpers"],
    ),
    (
        "qtquicktimeline",
        &["QuickTimeline", "QuickTimelineBlendTrees"],
    ),
    ("qtremoteobjects", &["RemoteObjectsQml", "RepParser"]),
    ("qtscxml", &["ScxmlQml", "StateMachine", "StateMachineQml"]),
    ("qtshadertools", &["ShaderTools"]),
    (
        "qtvirtualkeyboard",
        &[
            "HunspellInputMethod",
            "VirtualKeyboardQml",
            "VirtualKeyboardSettings",
        ],
    ),
    ("qt3d", &["3DQuickScene3D"]),
    ("qt5compat", &["Core5Compat"]),
];

/// Releases that today's nixpkgs has an attribute for.
const PYTHONS: [&str; 6] = ["10", "11", "12", "13", "14", "15"];
const LUAS: [&str; 4] = ["5.1", "5.2", "5.3", "5.4"];
const RUBIES: [&str; 3] = ["3.3", "3.4", "4.0"];
const PHPS: [&str; 4] = ["8.2", "8.3", "8.4", "8.5"];
const LLVMS: [&str; 4] = ["18", "19", "20", "21"];
const GCCS: [&str; 3] = ["13", "14", "15"];
const ICUS: [&str; 16] = [
    "60", "63", "64", "66", "67", "69", "70", "71", "72", "73", "74", "75", "76", "77", "78", "79",
];
const BOOSTS: [&str; 10] = ["77", "78", "79", "81", "82", "83", "86", "87", "88", "89"];

fn by_soname(soname: &str) -> Option<Wanted> {
    let (library, version) = soname.split_once(".so")?;
    let version = version.strip_prefix('.').unwrap_or(version);
    // The full version of the file says no more than the soname's.
    let is = |soname_version: &str| {
        version
            .strip_prefix(soname_version)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if let Some((.., family, attr, output)) = SONAMES
        .iter()
        .find(|(name, number, ..)| *name == library && is(number))
    {
        return found(family, *attr, output);
    }
    if let Some((.., family)) = SONAMES_GONE
        .iter()
        .find(|(name, number, _)| *name == library && is(number))
    {
        return gone(family);
    }
    if matches!(library, "libssl" | "libcrypto") && (is("1.0") || is("10") || is("0.9")) {
        return gone("openssl");
    }
    // GCC's C++ library of before 2004 is another library.
    if library == "libstdc++" && !version.is_empty() && !is("6") {
        return gone("libstdc++");
    }
    if let Some((_, releases)) = FFMPEG.iter().find(|(name, _)| *name == library) {
        return match releases.iter().find(|(number, _)| is(number)) {
            Some((_, release)) => found("ffmpeg", format!("ffmpeg_{release}"), "lib"),
            None => gone("ffmpeg"),
        };
    }
    if let Some(minor) = library.strip_prefix("libpython3.") {
        return python(minor.trim_end_matches(|c: char| c.is_ascii_alphabetic()));
    }
    if let Some(part) = library.strip_prefix("libicu") {
        let number = version.split('.').next().unwrap_or_default();
        let known = ["uc", "i18n", "data", "io", "tu", "test"].contains(&part);
        return match (known, ICUS.contains(&number)) {
            (true, true) => found("icu", format!("icu{number}"), "out"),
            (true, false) => gone("icu"),
            _ => None,
        };
    }
    if library.starts_with("libboost_") {
        let minor = version.strip_prefix("1.")?.split('.').next()?;
        return if BOOSTS.contains(&minor) {
            found("boost", format!("boost1{minor}"), "out")
        } else {
            gone("boost")
        };
    }
    llvm_library(library, version)
        .or_else(|| qt_library(library, version))
        .or_else(|| language_library(library, version))
}

/// `libLLVM-15.so.1`, `libLLVM.so.18.1`, `libclang-15.so.1`, `libclang.so.1`.
fn llvm_library(library: &str, version: &str) -> Option<Wanted> {
    let (part, output): (_, &[&str]) = match library {
        _ if library.starts_with("libLLVM") => ("libllvm", &["libLLVM"]),
        _ if library.starts_with("libclang") => ("libclang", &["libclang-cpp", "libclang"]),
        _ if library.starts_with("liblldb") => ("lldb", &["liblldb"]),
        _ => return None,
    };
    let rest = output.iter().find_map(|name| library.strip_prefix(name))?;
    let release = match rest.strip_prefix('-') {
        Some(release) => release,
        None if rest.is_empty() => version,
        None => return None,
    };
    let release = release.split('.').next().unwrap_or_default();
    if release.len() < 2 {
        return None;
    }
    if LLVMS.contains(&release) {
        found(
            "llvmPackages",
            format!("llvmPackages_{release}.{part}"),
            "lib",
        )
    } else {
        gone("llvmPackages")
    }
}

/// `libQt5Core.so.5`, `libQt6Widgets.so.6`.
fn qt_library(library: &str, version: &str) -> Option<Wanted> {
    let (major, module) = library.strip_prefix("libQt")?.split_at_checked(1)?;
    if version.split('.').next() != Some(major) {
        return None;
    }
    qt_module(major, module, "out")
}

/// The package of a module, which all that belongs to the module is named for.
fn qt_module(major: &str, module: &str, output: &'static str) -> Option<Wanted> {
    let (set, own) = match major {
        "5" => ("qt5", QT5_MODULES),
        "6" => ("qt6", QT6_MODULES),
        _ => return None,
    };
    if set == "qt5" && QT5_GONE.contains(&module) {
        return gone(set);
    }
    let (package, _) = own
        .iter()
        .chain(QT_MODULES)
        .find(|(_, modules)| modules.contains(&module))?;
    found(set, format!("{set}.{package}"), output)
}

fn language_library(library: &str, version: &str) -> Option<Wanted> {
    if let Some(release) = library.strip_prefix("liblua") {
        let release = if release.is_empty() { version } else { release };
        let release = release.trim_start_matches('-');
        // `liblua5.3-expat.so.0` is a module's; `liblua5.3-c++.so.0` is Lua's own.
        let is_own = release
            .split_once('-')
            .is_none_or(|(_, part)| part == "c++");
        return is_own.then(|| lua(release)).flatten();
    }
    if let Some(release) = library.strip_prefix("libruby") {
        let release = if release.is_empty() {
            version
        } else {
            release.trim_start_matches('-')
        };
        return ruby(release);
    }
    None
}

fn python(minor: &str) -> Option<Wanted> {
    if minor.is_empty() || !minor.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if PYTHONS.contains(&minor) {
        found("python", format!("python3{minor}"), "out")
    } else {
        gone("python")
    }
}

/// The release of a list that a version belongs to: `5.4` of `5.4.6`.
fn release_of(version: &str, releases: &[&'static str]) -> Option<&'static str> {
    releases.iter().copied().find(|release| {
        version
            .strip_prefix(release)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

fn lua(version: &str) -> Option<Wanted> {
    let release = release_of(version, &LUAS)?;
    found("lua", format!("lua{}", release.replace('.', "_")), "out")
}

fn ruby(version: &str) -> Option<Wanted> {
    if !version.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match release_of(version, &RUBIES) {
        Some(release) => found("ruby", format!("ruby_{}", release.replace('.', "_")), "out"),
        None => gone("ruby"),
    }
}

/// Commands whose name ends in the version of the package: `python3.11`, `clang-18`, `gcc-14`.
fn by_command(command: &str) -> Option<Wanted> {
    if let Some(minor) = command.strip_prefix("python3.") {
        return python(minor.strip_suffix("-config").unwrap_or(minor));
    }
    let splits_at = command.find(|c: char| c.is_ascii_digit())?;
    let (name, version) = command.split_at(splits_at);
    match name {
        "lua" | "luac" if version.contains('.') => lua(version),
        "ruby" | "irb" | "gem" => ruby(version),
        "php" | "phpize" => {
            let release = release_of(version, &PHPS)?;
            found("php", format!("php{}", release.replace('.', "")), "out")
        }
        "gcc-" | "g++-" | "cpp-" => match release_of(version, &GCCS) {
            Some(release) => found("gcc", format!("gcc{release}"), "out"),
            None => gone("gcc"),
        },
        "clang-" | "clang++-" => match release_of(version, &LLVMS) {
            Some(release) => found("clang", format!("clang_{release}"), "out"),
            None => gone("clang"),
        },
        "llc-" | "opt-" | "llvm-config-" | "llvm-ar-" | "llvm-nm-" | "lli-" => {
            match release_of(version, &LLVMS) {
                Some(release) => found("llvm", format!("llvm_{release}"), "out"),
                None => gone("llvm"),
            }
        }
        _ => None,
    }
}

/// pkg-config modules named after a release.
fn by_module(module: &str) -> Option<Wanted> {
    let module = module.strip_suffix("-embed").unwrap_or(module);
    for (gtk, attr) in [("2.0", "gtk2"), ("3.0", "gtk3")] {
        let is = |name: &str| {
            module
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('-'))
                == Some(gtk)
        };
        if ["gtk+", "gtk+-x11", "gdk", "gdk-x11"].into_iter().any(is) {
            return found("gtk", attr, "dev");
        }
    }
    if let Some(minor) = module.strip_prefix("python-3.") {
        return python(minor);
    }
    if let Some(version) = module.strip_prefix("lua") {
        return lua(version.trim_start_matches('-'));
    }
    if let Some(version) = module.strip_prefix("ruby-") {
        return ruby(version);
    }
    // ImageMagick's modules are called for the release and for how it was built: `MagickWand-6.Q16HDRI`.
    if let Some((_, build)) = module.split_once("-6.Q")
        && is_of_imagemagick(module)
        && build.starts_with(|c: char| c.is_ascii_digit())
    {
        return gone("imagemagick");
    }
    if ["libsoup-2.4", "libsoup-gnome-2.4"].contains(&module) {
        return gone("libsoup");
    }
    if let Some((major, part)) = module
        .strip_prefix("Qt")
        .and_then(|rest| rest.split_at_checked(1))
    {
        return qt_module(major, part, "dev");
    }
    None
}

fn is_of_imagemagick(module: &str) -> bool {
    ["ImageMagick", "Magick++", "MagickCore", "MagickWand"]
        .iter()
        .any(|name| module.starts_with(name))
}

/// CMake packages named after a release: `Qt6Widgets`, and `Qt6` for all of it.
fn by_package(package: &str) -> Option<Wanted> {
    let (major, module) = package.strip_prefix("Qt")?.split_at_checked(1)?;
    qt_module(
        major,
        if module.is_empty() { "Core" } else { module },
        "dev",
    )
}

/// The rules as a source: they answer for versions that no index has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct VersionRules;

impl Source for VersionRules {
    fn candidates(&self, query: &Query) -> Vec<Candidate> {
        let Some(Wanted {
            attr: Some(attr),
            output,
            ..
        }) = wanted(query)
        else {
            return Vec::new();
        };
        let Ok(attr) = AttrPath::new(attr) else {
            return Vec::new();
        };
        vec![Candidate {
            note: Some(format!("the version in {} is that of {attr}", query.name)),
            attr,
            output: Some(Output(output.to_owned())),
            source: SourceKind::Heuristic,
            basis: Basis::Manual,
            form: FileForm::Regular,
            place: Bytes::default(),
            popularity: 0,
            facts: Facts::default(),
        }]
    }
}

#[cfg(test)]
mod tests;
