//! Trains, uses and checks heads on features with incomplete labels, and looks after data sets.

fn main() {
    lacuna_kernels::cpu::check_or_exit();
    lacuna::cli::program::main()
}
