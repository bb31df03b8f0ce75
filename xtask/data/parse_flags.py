#!/usr/bin/env python3
"""Asks the real parsers of mlx-lm and Transformers about commands.

    python parse_flags.py < COMMANDS

COMMANDS   one a line, the words as a list of JSON. Prints those that are refused with what the
           parser says, and exits with 1 where there are any. Nothing is run: a program stops as soon
           as its arguments are read.
"""

import argparse
import contextlib
import importlib
import io
import json
import sys


class Parsed(Exception):
    """The arguments were accepted."""


def mlx(program, arguments):
    module = importlib.import_module(program)
    parse = argparse.ArgumentParser.parse_args

    def stop(self, *given, **named):
        parse(self, *given, **named)
        raise Parsed

    argparse.ArgumentParser.parse_args = stop
    sys.argv = [program, *arguments]
    try:
        module.main()
    except Parsed:
        return
    finally:
        argparse.ArgumentParser.parse_args = parse
    raise SystemExit("it did not read its arguments")


def transformers(arguments):
    import typer
    from transformers.cli.serve import Serve

    # The group that it stands in adds output options of its own, and is no plain one.
    app = typer.Typer()
    app.command()(Serve)
    typer.main.get_command(app).make_context("serve", list(arguments))


def main():
    refused = asked = 0
    for line in sys.stdin:
        words = json.loads(line)
        asked += 1
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                if words[:2] == ["transformers", "serve"]:
                    transformers(words[2:])
                else:
                    mlx(words[0], words[1:])
        except SystemExit as error:
            refused += 1
            print(" ".join(words), said.getvalue().strip() or error)
        except Exception as error:  # what typer raises is not argparse's
            refused += 1
            print(" ".join(words), f"{type(error).__name__}: {error}")
    print(f"{asked} commands asked, {refused} refused")
    sys.exit(refused > 0)


main()
