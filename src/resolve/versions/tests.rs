//! Which names tell a version, and which do not.

use super::*;

fn attr(kind: Kind, name: &str) -> Option<String> {
    wanted(&Query::new(kind, name)).map(|wanted| wanted.attr.unwrap_or_else(|| "gone".into()))
}

#[test]
fn a_soname_tells_the_release() {
    for (soname, expected) in [
        ("libssl.so.3", "openssl"),
        ("libssl.so.1.1", "openssl_1_1"),
        ("libcrypto.so.1.0.0", "gone"),
        ("libstdc++.so.5", "gone"),
        ("libavcodec.so.58", "ffmpeg_4"),
        ("libavcodec.so.59", "ffmpeg_5"),
        ("libavcodec.so.60.31.102", "ffmpeg_6"),
        ("libavutil.so.59", "ffmpeg_7"),
        ("libswscale.so.99", "gone"),
        ("libpython3.11.so.1.0", "python311"),
        ("libpython3.8m.so.1.0", "gone"),
        ("libicuuc.so.72", "icu72"),
        ("libboost_system.so.1.83.0", "boost183"),
        ("libboost_system.so.1.74.0", "gone"),
        ("libLLVM-18.so.1", "llvmPackages_18.libllvm"),
        ("libLLVM.so.19.1", "llvmPackages_19.libllvm"),
        ("libLLVM-14.so.1", "gone"),
        ("libclang-cpp.so.18", "llvmPackages_18.libclang"),
        ("libQt5Core.so.5", "qt5.qtbase"),
        ("libQt6Quick.so.6", "qt6.qtdeclarative"),
        ("libQt6Scxml.so.6.5.2", "qt6.qtscxml"),
        ("libQt5QuickControls2.so.5", "qt5.qtquickcontrols2"),
        ("libQt6QuickControls2.so.6", "qt6.qtdeclarative"),
        ("libQt5Positioning.so.5", "qt5.qtlocation"),
        ("libQt6Positioning.so.6", "qt6.qtpositioning"),
        ("libQt5WaylandClient.so.5", "qt5.qtwayland"),
        ("libQt6WaylandClient.so.6", "qt6.qtbase"),
        ("libQt6WaylandEglClientHwIntegration.so.6", "qt6.qtbase"),
        ("libQt6WlShellIntegration.so.6", "qt6.qtbase"),
        ("libQt6WaylandCompositor.so.6", "qt6.qtwayland"),
        ("liblua5.4.so.0", "lua5_4"),
        ("libruby-3.1.so.3.1", "gone"),
        ("libgtk-3.so.0", "gtk3"),
        ("libcrypt.so.1", "libxcrypt-legacy"),
        ("libMagickCore-6.Q16.so.6", "gone"),
        ("libmbedtls.so.14", "gone"),
        ("libsoup-2.4.so.1", "gone"),
        ("libsoup-3.0.so.0", "libsoup_3"),
        ("libQt5WebEngineCore.so.5", "gone"),
        ("libQt6WebEngineCore.so.6", "qt6.qtwebengine"),
    ] {
        assert_eq!(
            attr(Kind::Soname, soname).as_deref(),
            Some(expected),
            "{soname}"
        );
    }
    for soname in [
        "libz.so.1",
        "libssl.so",
        "libstdc++.so",
        "libicuweird.so.7",
        "libclang.so.1",
        "liblualib.so.3",
        "libQt5Foo.so.5",
        "liblua5.3-expat.so.0",
    ] {
        assert_eq!(attr(Kind::Soname, soname), None, "{soname}");
    }
}

#[test]
fn a_command_tells_the_release_only_when_it_is_asked_for() {
    for (command, expected) in [
        ("python3.11", Some("python311")),
        ("python3.12-config", Some("python312")),
        ("python3", None),
        ("python", None),
        ("lua5.4", Some("lua5_4")),
        ("lua", None),
        ("gcc-14", Some("gcc14")),
        ("gcc-12", Some("gone")),
        ("clang-18", Some("clang_18")),
        ("php8.2", Some("php82")),
        ("7z", None),
    ] {
        assert_eq!(
            attr(Kind::Command, command).as_deref(),
            expected,
            "{command}"
        );
    }
}

#[test]
fn a_module_for_builds_tells_the_release() {
    for (kind, name, expected) in [
        (Kind::PkgConfig, "gtk+-3.0", Some("gtk3")),
        (Kind::PkgConfig, "Qt5Positioning", Some("qt5.qtlocation")),
        (Kind::PkgConfig, "Qt6Core", Some("qt6.qtbase")),
        (Kind::PkgConfig, "Magick++-6.Q16HDRI", Some("gone")),
        (Kind::PkgConfig, "libsoup-2.4", Some("gone")),
        (Kind::PkgConfig, "libsoup-3.0", None),
        (Kind::Typelib, "Soup-2.4", Some("gone")),
        (Kind::Typelib, "Soup-3.0", None),
        (Kind::CMake, "Qt5WebKit", Some("gone")),
        (Kind::CMake, "Qt5WebEngineCore", Some("gone")),
        (Kind::CMake, "Qt6WebEngineCore", Some("qt6.qtwebengine")),
        (Kind::PkgConfig, "MagickWand-7.Q16HDRI", None),
        (Kind::PkgConfig, "zlib", None),
        (Kind::CMake, "Qt6", Some("qt6.qtbase")),
        (Kind::CMake, "Qt6Quick3D", Some("qt6.qtquick3d")),
        (Kind::CMake, "Qt6LinguistTools", Some("qt6.qttools")),
        (Kind::CMake, "Qt7Core", None),
        (Kind::CMake, "Qt", None),
    ] {
        assert_eq!(attr(kind, name).as_deref(), expected, "{kind} {name}");
    }
}

#[test]
fn a_header_beside_pythons_own_is_not_pythons() {
    for (header, is_own) in [
        ("python3.11/Python.h", true),
        ("python3.12d/pyconfig.h", true),
        ("python3.11/cpython/object.h", true),
        ("python3.11/internal/mimalloc/mimalloc.h", false),
        ("python3.11/ImPlatform.h", false),
        ("python3.11/numpy/arrayobject.h", false),
        ("Python.h", false),
    ] {
        let expected = is_own.then_some("python3");
        assert_eq!(attr(Kind::Header, header).as_deref(), expected, "{header}");
    }
}

#[test]
fn another_variant_contradicts() {
    let wanted = wanted(&Query::new(Kind::Soname, "libssl.so.1.1")).unwrap();
    let contradicts = |attr: &str| wanted.contradicts(&AttrPath::new(attr).unwrap());
    assert!(contradicts("openssl") && contradicts("openssl_3") && contradicts("openssl_legacy"));
    assert!(!contradicts("openssl_1_1") && !contradicts("libressl"));
}
