"""What the scripts in Python share: the server that the test describes, and the report that it reads."""

import asyncio
import json
import os
import sys

# Scripts of one folder must not replace the packages of the same name.
sys.path[:] = [each for each in sys.path if os.path.abspath(each or ".") != os.path.dirname(os.path.abspath(__file__))]

with open(sys.argv[1], encoding="utf-8") as file:
    PLACE = json.load(file)

COMMAND, ARGS, ENV, CWD = PLACE["command"], PLACE["args"], PLACE["env"], PLACE["cwd"]
report = {"tools": [], "failed": [], "answers": []}


def convert(name, converter):
    """Adds a tool in the framework's form for models."""
    try:
        report["tools"].append(converter())
    except Exception as error:  # every failure is reported
        report["failed"].append(f"{name}: {error!r}")


async def answer(make):
    """Makes all calls; make(tool, arguments) returns what the model gets to see."""
    for call in PLACE["calls"]:
        try:
            report["answers"].append(str(await make(call["tool"], call["arguments"])))
        except Exception as error:  # many frameworks raise what the tool answers as an error
            report["answers"].append(f"raised: {error}")


def run(main):
    asyncio.run(main())
    print(json.dumps(report, default=str))
