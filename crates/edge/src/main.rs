//! The edge agent: `huitian-edge`.

fn main() -> std::process::ExitCode {
    huitian_edge::main()
}
