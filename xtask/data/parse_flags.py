#!/usr/bin/env python3
"""Asks the engines' real parsers about commands.

    python parse_flags.py SOURCES < COMMANDS
    python parse_flags.py --unpack WHEELS SOURCES

COMMANDS   one a line, the words as a list of JSON. Prints those that are refused with what the
           parser says, and exits with 1 where there are any; of programs whose parser is not here,
           how many were passed over. Nothing is run: a program stops as soon as its arguments are
           read.
SOURCES    folder with the Python files of vLLM, SGLang and ExLlamaV3, as --unpack takes them from
           their wheels. They are read without torch: what is not installed is replaced by stand-ins,
           as vLLM does where it builds its documentation.

mlx-lm and Transformers are those that are installed. Programs of llama.cpp are asked where they are on
PATH: they print their version, or their help, only once all arguments before are read; llama-quantize
misses the file only then. A build without RPC has no --rpc. KoboldCpp is no package: HEADROOM_KOBOLDCPP
names koboldcpp.py, as HEADROOM_LLAMA_CPP names the folder of convert_hf_to_gguf.py.
"""

import abc
import argparse
import ast
import builtins
import collections
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types
import zipfile
from unittest import mock

# What is taken from wheels, by the first folder in them.
UNPACKED = ("vllm", "sglang", "exllamav3")


class Parsed(Exception):
    """The arguments were accepted."""


def unpack(wheels, sources):
    """The Python files of the engines, without what is compiled."""
    for wheel in pathlib.Path(wheels).glob("*.whl"):
        with zipfile.ZipFile(wheel) as files:
            wanted = [name for name in files.namelist()
                      if name.endswith((".py", ".json")) and name.split("/")[0] in UNPACKED]
            files.extractall(sources, wanted)


# Stand-ins for what is not installed.

class Anything(mock.MagicMock):
    """A value of which nothing is known; what is written with a capital is a class."""

    def __getattr__(self, name):
        if name.lstrip("_")[:1].isupper():
            found = any_class(name)
            object.__setattr__(self, name, found)
            return found
        return super().__getattr__(name)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source, _handler):
        from pydantic_core import core_schema
        return core_schema.any_schema()


class AnyMeta(abc.ABCMeta):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name=name)


class AnyBase(metaclass=AnyMeta):
    __get_pydantic_core_schema__ = Anything.__get_pydantic_core_schema__

    def __init__(self, *_, **__):
        pass

    def __class_getitem__(cls, _):
        return cls

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name=name)

    def __call__(self, *given, **_):
        return given[0] if given else self


def any_class(name):
    return AnyMeta(name, (AnyBase,), {})


class AnyModule(types.ModuleType):
    def __init__(self, name):
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name):
        if name == "__version__":
            return "2.9.0"
        if name.startswith("__"):
            raise AttributeError(name)
        is_class = name.lstrip("_")[:1].isupper()
        value = any_class(name) if is_class else Anything(name=f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value

    def __call__(self, *given, **_):
        return given[0] if given and callable(given[0]) else Anything(name=self.__name__)

    def __setitem__(self, _key, _value):
        pass


class Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module that nothing else does."""

    # What others import only if it is there.
    OPTIONAL = {"brotli", "brotlicffi", "chardet", "simplejson", "zstandard", "socks", "h2", "compression"}

    def find_spec(self, name, _path=None, _target=None):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in self.OPTIONAL:
            return None
        if name != top and top not in UNPACKED and not isinstance(sys.modules.get(top), AnyModule):
            return None
        if top in UNPACKED and "_C" not in name and "flash_attn" not in name:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return AnyModule(spec.name)

    def exec_module(self, _module):
        pass


class Instead(Missing):
    """Takes the place of modules that are there, but want torch themselves."""

    NAMES = ("transformers.", "huggingface_hub.", "tokenizers.", "numpy.", "vllm.ir.", "vllm.kernels.",
             "vllm.lora.")

    def find_spec(self, name, _path=None, _target=None):
        if (name + ".").startswith(self.NAMES):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None


def without_torch(sources):
    sys.path.insert(0, sources)
    sys.meta_path.insert(0, Instead())
    sys.meta_path.append(Missing())


# A function of the arguments for each engine; it raises where they are refused.

def vllm(sources):
    without_torch(sources)
    import vllm.platforms
    from vllm.platforms.interface import UnspecifiedPlatform

    class Cpu(UnspecifiedPlatform):
        device_type = "cpu"

    vllm.platforms._current_platform = Cpu()
    from vllm.entrypoints.common.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser
    return make_arg_parser(FlexibleArgumentParser()).parse_args


def vllm_bench(sources):
    vllm(sources)
    from vllm.benchmarks.serve import add_cli_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser
    parser = FlexibleArgumentParser()
    add_cli_args(parser)
    return parser.parse_args


def sglang(sources):
    without_torch(sources)
    # Its own __init__ wants torch itself.
    package = types.ModuleType("sglang")
    package.__path__ = [os.path.join(sources, "sglang")]
    package.__version__ = "0"
    sys.modules["sglang"] = package
    from sglang.srt.server_args import ServerArgs
    parser = argparse.ArgumentParser()
    ServerArgs.add_cli_args(parser)
    return parser.parse_args


def sglang_bench(sources):
    return written_in(os.path.join(sources, "sglang", "benchmark", "serving.py"))


def exllamav3(sources):
    return written_in(os.path.join(sources, "exllamav3", "conversion", "convert_model.py"))


def converter(_):
    folder = os.environ.get("HEADROOM_LLAMA_CPP")
    return written_in(os.path.join(folder, "convert_hf_to_gguf.py")) if folder else None


def koboldcpp(_):
    path = os.environ.get("HEADROOM_KOBOLDCPP")
    return written_in(path) if path else None


def written_in(path):
    """The parser that the statements of a file make: the file itself wants a GPU."""
    makers = {"ArgumentParser", "add_argument_group", "add_mutually_exclusive_group", "add_argument"}

    def makes(node):
        call = getattr(node, "value", None)
        if not isinstance(call, ast.Call):
            return False
        return getattr(call.func, "attr", getattr(call.func, "id", "")) in makers

    class Names(dict):
        # A value of the file; it is a default, or words of the help.
        def __missing__(self, name):
            return Anything(name=name)

    tree = ast.parse(pathlib.Path(path).read_text())
    kept = [node for node in ast.walk(tree)
            if isinstance(node, (ast.Assign, ast.Expr)) and makes(node)]
    # Constants that choices are lists of.
    kept += [node for node in tree.body if isinstance(node, ast.Assign)
             and isinstance(node.value, (ast.Constant, ast.List, ast.Tuple, ast.Dict))]
    used = {name.id for node in kept for name in ast.walk(node) if isinstance(name, ast.Name)}
    kept += [node for node in ast.walk(tree)
             if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in used]
    kept.sort(key=lambda node: node.lineno)
    names = Names(vars(builtins), argparse=argparse, ArgumentParser=argparse.ArgumentParser, os=os, sys=sys)
    for node in kept:
        if isinstance(node, ast.Expr):
            # What is shown is of no matter, and often made of what was left out.
            node.value.keywords = [word for word in node.value.keywords if word.arg not in ("help", "default")]
        with contextlib.suppress(NameError, AttributeError, KeyError):
            exec(compile(ast.Module([node], []), path, "exec"), names)
    parsers = [value for value in names.values() if isinstance(value, argparse.ArgumentParser)]
    return parsers[-1].parse_args


def mlx(program):
    def asks(_):
        if importlib.util.find_spec("mlx_lm") is None:
            return None
        module = importlib.import_module(program)
        parse = argparse.ArgumentParser.parse_args

        def stop(self, *given, **named):
            parse(self, *given, **named)
            raise Parsed

        def run(arguments):
            argparse.ArgumentParser.parse_args = stop
            sys.argv = [program, *arguments]
            try:
                module.main()
            except Parsed:
                return
            finally:
                argparse.ArgumentParser.parse_args = parse
            raise SystemExit("it did not read its arguments")
        return run
    return asks


def transformers(_):
    if importlib.util.find_spec("transformers") is None:
        return None
    import typer
    from transformers.cli.serve import Serve

    # The group that it stands in adds output options of its own, and is no plain one.
    app = typer.Typer()
    app.command()(Serve)
    return lambda arguments: typer.main.get_command(app).make_context("serve", list(arguments))


def llama_cpp(program, ends, read=""):
    """Asks by ending the arguments with what only prints, or by files that are missed once `read`."""
    def ask(path, arguments):
        # A file that an argument names is opened as it is read.
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "text.txt").write_text("text")
            done = subprocess.run([path, *arguments, *ends], cwd=folder, capture_output=True, text=True,
                                  timeout=60)
        said = done.stdout + done.stderr
        return None if (read in said if read else done.returncode == 0) else said

    def asks(_):
        path = shutil.which(program)

        def run(arguments):
            said = ask(path, arguments)
            # This is read before the rest is, and that is in some builds only.
            for flag, reason in (("--imatrix", "failed to load imatrix"),
                                 ("--rpc", "RPC not supported in this build"),
                                 ("--rpc", "invalid parameter for argument: --rpc")):
                if said and reason in said and flag in arguments:
                    at = arguments.index(flag)
                    said = ask(path, arguments[:at] + arguments[at + 2:])
            if said is not None:
                raise SystemExit(said.strip()[-300:])
        return run if path else None
    return asks


ENGINES = {
    ("vllm", "serve"): vllm,
    ("vllm", "bench", "serve"): vllm_bench,
    ("python", "-m", "sglang.launch_server"): sglang,
    ("python", "-m", "sglang.benchmark.serving"): sglang_bench,
    ("python", "convert.py"): exllamav3,
    ("python", "convert_hf_to_gguf.py"): converter,
    ("koboldcpp",): koboldcpp,
    ("transformers", "serve"): transformers,
    **{(f"mlx_lm.{name}",): mlx(f"mlx_lm.{name}") for name in ("server", "generate", "convert", "benchmark")},
    **{(name,): llama_cpp(name, ["--version"])
       for name in ("llama-server", "llama-batched-bench", "llama-imatrix")},
    ("llama-bench",): llama_cpp("llama-bench", ["-h"]),
    ("llama-quantize",): llama_cpp("llama-quantize", [], "failed to quantize model"),
}


def program_of(words):
    return next((words[:n] for n in range(len(words), 0, -1) if words[:n] in ENGINES), words[:1])


def ask(program, sources, commands):
    """Asks one engine in this process; returns how many were refused, None without its parser."""
    try:
        asks = ENGINES[program](sources)
    except ImportError as error:
        print(" ".join(program), "cannot be read:", error)
        return None
    if asks is None:
        return None
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            asks(["--no-such-flag"])
    except (SystemExit, Exception):
        pass
    else:
        print(" ".join(program), "accepts what is no flag: this is not its parser")
        return 1
    refused = 0
    for words in commands:
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                asks(list(words[len(program):]))
        except SystemExit as error:
            refused += 1
            print(" ".join(words), said.getvalue().strip()[-300:] or error)
        except Exception as error:  # what typer raises is not argparse's
            refused += 1
            print(" ".join(words), f"{type(error).__name__}: {error}")
    return refused


def main():
    if sys.argv[1] == "--unpack":
        return unpack(*sys.argv[2:])
    sources = sys.argv[1]
    if len(sys.argv) > 2:
        # One engine, whose stand-ins are not those of another.
        refused = ask(tuple(sys.argv[2:]), sources, [tuple(json.loads(line)) for line in sys.stdin])
        sys.exit(2 if refused is None else refused > 0)
    commands = collections.defaultdict(list)
    for line in sys.stdin:
        words = tuple(json.loads(line))
        commands[program_of(words)].append(line)
    failed = False
    for program, lines in sorted(commands.items()):
        status = 2
        if program in ENGINES:
            asked = [sys.executable, __file__, sources, *program]
            status = subprocess.run(asked, input="".join(lines), text=True).returncode
        said = {0: "accepted", 2: "passed over: its parser is not here"}.get(status, "REFUSED")
        print(f"{' '.join(program)}: {len(lines)} commands {said}", flush=True)
        failed |= status not in (0, 2)
    sys.exit(failed)


main()
