//! The `nixtrace` command.

fn main() -> std::process::ExitCode {
    nixtrace::cli::main()
}
