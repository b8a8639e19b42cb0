//! Settings that are there and say nothing, as `--env-file` and compose files give them.

use clap::Command;

/// The command without those variables of the environment that are empty: each counts as unset.
pub(crate) fn is_unset(command: Command) -> Command {
    command.mut_args(|argument| {
        #[expect(clippy::disallowed_methods, reason = "this is config.rs")]
        let empty = argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        if empty { argument.env(None) } else { argument }
    })
}
