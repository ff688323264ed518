"""The web server that the application and the gateway share: bounded connections, a bounded log."""
