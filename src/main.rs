//! The program: hands the command line over to [`redundancy::cli`].

fn main() -> std::process::ExitCode {
    redundancy::cli::main()
}
