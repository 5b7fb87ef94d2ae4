//! Things that only the running system can provide: device drivers, name service modules, the
//! kernel's files, the machine's own configuration. They are never a package of a program.

use super::{Kind, Query};
use bstr::ByteSlice;

/// Why a thing is the host's and no package's; none when it is not known to be.
///
/// The sentence is for a person.
pub(super) fn host_only(query: &Query) -> Option<&'static str> {
    if let Some(path) = &query.path
        && let Some(why) = by_path(path.as_bytes())
    {
        return Some(why);
    }
    match query.kind {
        Kind::Path => by_path(query.name.as_bytes()),
        Kind::Soname | Kind::LinkName => by_library(query.name.as_bytes()),
        Kind::Data => by_data(query.name.as_bytes()),
        _ => None,
    }
}

pub(super) const DRIVER: &str = "a graphics driver: it must fit the host's kernel and comes from there (/run/opengl-driver on NixOS)";
const NSS: &str = "a name service module: the host's nsswitch.conf decides which are used";
const KERNEL: &str = "the kernel's";
const CONFIGURATION: &str = "the host's own configuration";
const STATE: &str = "the running host's state";

/// Directories whose content is the host's, with the reason.
const DIRECTORIES: [(&[u8], &str); 17] = [
    (b"/run/opengl-driver", DRIVER),
    (b"/run/opengl-driver-32", DRIVER),
    (b"/run/nscd", NSS),
    (b"/var/run/nscd", NSS),
    (b"/var/db/nscd", NSS),
    (b"/var/cache/nscd", NSS),
    (b"/proc", KERNEL),
    (b"/sys", KERNEL),
    (b"/dev", KERNEL),
    (b"/lib/modules", KERNEL),
    (b"/usr/lib/modules", KERNEL),
    (b"/lib/firmware", KERNEL),
    (b"/usr/lib/firmware", KERNEL),
    (b"/run", STATE),
    (b"/var/run", STATE),
    (b"/var/lib", STATE),
    (b"/var/cache", STATE),
];

/// Files below `/etc` that describe the machine and not a program.
const MACHINE_FILES: [&str; 23] = [
    "adjtime",
    "fstab",
    "gai.conf",
    "group",
    "gshadow",
    "host.conf",
    "hostname",
    "hosts",
    "ld-nix.so.preload",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.preload",
    "localtime",
    "login.defs",
    "machine-id",
    "mtab",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "resolv.conf",
    "shadow",
    "timezone",
    "vconsole.conf",
];

fn by_path(path: &[u8]) -> Option<&'static str> {
    let below = |directory: &[u8]| {
        path.strip_prefix(directory)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    // A profile below /run is a way to packages, not the machine's state; nor are the gems that
    // RubyGems keeps below /var/lib.
    if below(b"/run/current-system/sw") || below(b"/run/wrappers") || below(b"/var/lib/gems") {
        return None;
    }
    if let Some((_, why)) = DIRECTORIES.iter().find(|(directory, _)| below(directory)) {
        return Some(why);
    }
    if let Some(file) = path.strip_prefix(b"/etc/") {
        let machine = MACHINE_FILES.iter().any(|name| file == name.as_bytes())
            || file.starts_with(b"ld.so.conf.d/")
            || file.starts_with(b"alternatives/");
        return machine.then_some(CONFIGURATION);
    }
    driver_directory(path).then_some(DRIVER)
}

/// Mesa's and other vendors' drivers, which loaders of nixpkgs (libglvnd, vulkan-loader, libva,
/// libvdpau, ocl-icd) take from the host.
fn driver_directory(path: &[u8]) -> bool {
    let name = path.rsplit_str("/").next().unwrap_or_default();
    path.contains_str("/dri/") && (name.ends_with(b"_dri.so") || name.ends_with(b"_drv_video.so"))
        || path.contains_str("/gbm/") && name.ends_with(b"_gbm.so")
        || path.contains_str("/vdpau/libvdpau_")
        || path.contains_str("/share/vulkan/icd.d/")
        || path.contains_str("/vulkan/icd.d/")
        || path.contains_str("/share/drirc.d/")
        || path.contains_str("/egl_vendor.d/")
        || path.contains_str("/OpenCL/vendors/")
        || path.contains_str("/lib/nvidia/")
}

fn by_data(name: &[u8]) -> Option<&'static str> {
    driver_directory(&[b"/", name].concat()).then_some(DRIVER)
}

fn by_library(soname: &[u8]) -> Option<&'static str> {
    let starts = |prefixes: &[&[u8]]| prefixes.iter().any(|prefix| soname.starts_with(prefix));
    if starts(&[b"libnss_"]) {
        return Some(NSS);
    }
    let driver = starts(&[
        b"libcuda.so",
        b"libnvidia-",
        b"libnvcuvid.so",
        b"libnvoptix.so",
        b"libGLX_nvidia.so",
        b"libEGL_nvidia.so",
        b"libGLESv1_CM_nvidia.so",
        b"libGLESv2_nvidia.so",
        b"libvdpau_nvidia.so",
        b"libcudadebugger.so",
        b"libGLX_mesa.so",
        b"libEGL_mesa.so",
        b"libgallium-",
        b"libglapi.so",
        b"libvulkan_intel",
        b"libvulkan_radeon.so",
        b"libvulkan_lvp.so",
        b"libvulkan_nouveau.so",
        b"libvulkan_virtio.so",
        b"libMesaOpenCL.so",
        b"libRusticlOpenCL.so",
    ]);
    driver.then_some(DRIVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_name_service_and_kernel_are_the_hosts() {
        for path in [
            "/run/opengl-driver/lib/dri/iris_dri.so",
            "/usr/lib/x86_64-linux-gnu/dri/swrast_dri.so",
            "/usr/lib/x86_64-linux-gnu/libnss_systemd.so.2",
            "/usr/lib/x86_64-linux-gnu/libGLX_mesa.so.0",
            "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json",
            "/var/run/nscd/socket",
            "/proc/self/maps",
            "/etc/nsswitch.conf",
            "/etc/ld.so.cache",
        ] {
            assert!(
                host_only(&Query::for_path(path.as_bytes())).is_some(),
                "{path}"
            );
        }
        assert!(host_only(&Query::parse(b"libcuda.so.1")).is_some());
    }

    #[test]
    fn what_programs_bring_is_not() {
        for path in [
            "/usr/lib/x86_64-linux-gnu/libnss3.so",
            "/usr/lib/x86_64-linux-gnu/libGL.so.1",
            "/usr/lib/x86_64-linux-gnu/gconv/CP1252.so",
            "/run/current-system/sw/bin/git",
            "/var/lib/gems/3.1.0/gems/sinatra-3.0.5/lib/sinatra.rb",
            "/etc/fonts/fonts.conf",
            "/etc/ssl/certs/ca-certificates.crt",
            "/devel/x",
        ] {
            assert_eq!(host_only(&Query::for_path(path.as_bytes())), None, "{path}");
        }
    }
}
