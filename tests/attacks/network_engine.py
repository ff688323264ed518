"""Connects to the sockets that container engines listen on."""

import socket

from envs import Controller

SOCKETS = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
)


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for path in SOCKETS:
            try:
                with socket.socket(socket.AF_UNIX) as sender:
                    sender.settimeout(1)
                    sender.connect(path)
                raise Breach(f"connected to {path}")
            except OSError as error:
                stopped = error
        raise stopped
