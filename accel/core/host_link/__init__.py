"""The link to a host: UART, frames and commands."""
