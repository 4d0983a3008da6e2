//! The program `huitian-edge`, built with the tests.

fn main() -> std::process::ExitCode {
    huitian_edge::main()
}
