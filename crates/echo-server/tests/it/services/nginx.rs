//! nginx before the processes, with the routes that the project ships, and between them.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    cluster::servers::{await_port, free_port},
    echod::own_folder,
};

use super::Ports;

/// A running nginx. It is killed when it goes out of scope.
pub struct Nginx {
    port: u16,
    /// Where it gives calls between processes to those of a role in turn.
    inside: BTreeMap<&'static str, u16>,
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    pub fn start(roles: &BTreeMap<&'static str, Vec<Ports>>) -> Self {
        let folder = own_folder().unwrap();
        let (port, path) = (free_port(), folder.path().display());
        let inside: BTreeMap<_, _> = roles.keys().map(|role| (*role, free_port())).collect();
        let routes = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nginx/routes.conf");
        let mut conf = format!(
            "daemon off; pid {path}/pid; error_log {path}/error.log; events {{}}\nhttp {{\naccess_log off;\n\
             client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;\n\
             uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;\n\
             server {{ listen 127.0.0.1:{port}; include {routes}; }}\n"
        );
        for (role, ports) in roles {
            upstream(&mut conf, role, ports.iter().map(|it| it.public));
            let name = format!("{role}_inside");
            upstream(&mut conf, &name, ports.iter().map(|it| it.internal));
            let port = inside[role];
            writeln!(
                conf,
                "server {{ listen 127.0.0.1:{port}; client_max_body_size 0; location / {{ proxy_pass http://{name}; \
                 proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_request_buffering off; \
                 proxy_buffering off; }} }}"
            )
            .unwrap();
        }
        fs::write(folder.path().join("nginx.conf"), conf + "}\n").unwrap();
        let mut command = Command::new("nginx");
        command.args(["-c", "nginx.conf", "-p"]).arg(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test installs it"));
        await_port(port);
        Self { port, inside, child, _folder: folder }
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn inside(&self, role: &str) -> String {
        format!("http://127.0.0.1:{}", self.inside[role])
    }
}

/// Processes of one role, in turns, as `deploy/nginx/nginx.conf` has them.
fn upstream(conf: &mut String, name: &str, ports: impl Iterator<Item = u16>) {
    let servers: String = ports.map(|port| format!("server 127.0.0.1:{port} max_fails=0; ")).collect();
    writeln!(conf, "upstream {name} {{ {servers} keepalive 32; keepalive_timeout 3s; }}").unwrap();
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it only if it is asked.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.is_ok_and(|status| status.success()) && self.child.wait().is_ok(), "nginx is left");
    }
}
