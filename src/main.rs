//! The `nixtrace` command.

fn main() -> std::process::ExitCode {
    nixtrace::cli::Exit::Usage.into()
}
