"""The command line: ``accel`` and ``python -m accel``."""


def main() -> None:
    """Run the command line and end the process."""
    # Signals are seen to before anything else is even imported, which takes its time.
    from accel.processes import stopping

    stopping.install()
    try:
        from accel.cli import main as run

        run()
    except (KeyboardInterrupt, stopping.Stopped):  # while modules were imported, or options read
        stopping.say_stopped()
        raise SystemExit(130) from None
    finally:
        stopping.finish()


if __name__ == "__main__":
    main()
