# `just` lists what there is to do. Nothing here needs just: each recipe is one command.

default:
    @just --list

# Serve at http://localhost:8000; settings as flags: `just run --port 9000`
run *settings:
    cargo run --release -- {{settings}}

# The Rust tests, or those whose name has a word: `just test idempotency`
test *words:
    cargo test --workspace {{words}}

# Everything that CI checks
check:
    ./scripts/test

# Formatting, lints and the Rust tests, without the tools from PyPI
quick:
    ./scripts/test quick

# A k6 scenario against a fresh, seeded server: smoke, load, stress, spike or soak; `just load load --shape services`
load scenario *more:
    ./load/run {{scenario}} {{more}}

# Lay the code out as it should be
fmt:
    cargo fmt --all

# How fast Echo is on this machine: `just bench`, `just bench reads --seconds 3`; needs wrk
bench *what:
    cargo run --release --package echo-bench -- {{what}}
