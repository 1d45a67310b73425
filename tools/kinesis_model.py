#!/usr/bin/env python3
"""What each Kinesis action takes, as C++ tables from botocore's model of the service.

    tools/kinesis_model.py            writes src/aws/kinesis/model.cc (needs clang-format-14)
    tools/kinesis_model.py --check    exits with 1 when that file says something else

Needs botocore, which .venv/bin/python has.
"""

import pathlib
import re
import subprocess
import sys

import botocore.loaders

TARGET = pathlib.Path(__file__).resolve().parent.parent / "src/aws/kinesis/model.cc"

HEAD = """\
// What each action takes, from botocore's model of the service. Written by tools/kinesis_model.py:
// change that.
#include "aws/kinesis/model.h"

#include <re2/re2.h>

#include <algorithm>

namespace tailrace::aws::kinesis {
namespace {

using Type = Shape::Type;

template <const char* pattern>
bool matches(std::string_view text) {
  static const RE2 compiled(pattern);
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled);
}

"""

FOOT = """\
}  // namespace

std::span<const Action> actions() { return all; }

const Shape* input_of(std::string_view action) {
  auto found = std::find_if(std::begin(all), std::end(all),
                            [action](const Action& one) { return one.name == action; });
  return found == std::end(all) ? nullptr : found->input;
}

}  // namespace tailrace::aws::kinesis
"""

# The actions that are served. The model of later years has queues and channels beside them, which are
# other services in all but name, and a strategy that spreads records without looking at their keys.
ACTIONS = [
    "AddTagsToStream",
    "CreateStream",
    "DecreaseStreamRetentionPeriod",
    "DeleteResourcePolicy",
    "DeleteStream",
    "DeregisterStreamConsumer",
    "DescribeAccountSettings",
    "DescribeLimits",
    "DescribeStream",
    "DescribeStreamConsumer",
    "DescribeStreamSummary",
    "DisableEnhancedMonitoring",
    "EnableEnhancedMonitoring",
    "GetRecords",
    "GetResourcePolicy",
    "GetShardIterator",
    "IncreaseStreamRetentionPeriod",
    "ListShards",
    "ListStreamConsumers",
    "ListStreams",
    "ListTagsForResource",
    "ListTagsForStream",
    "MergeShards",
    "PutRecord",
    "PutRecords",
    "PutResourcePolicy",
    "RegisterStreamConsumer",
    "RemoveTagsFromStream",
    "SplitShard",
    "StartStreamEncryption",
    "StopStreamEncryption",
    "SubscribeToShard",
    "TagResource",
    "UntagResource",
    "UpdateAccountSettings",
    "UpdateMaxRecordSize",
    "UpdateShardCount",
    "UpdateStreamMode",
    "UpdateStreamWarmThroughput",
]

# What the model has made optional for that strategy and a stream without it needs.
REQUIRED = {"PutRecordInput": ["PartitionKey"], "PutRecordsRequestEntry": ["PartitionKey"]}

TYPES = {"string": "text", "long": "integer"}


def pattern_of(shape):
    """Without the anchors that some have got lately: AWS's messages show them as they were."""
    return re.sub(r"^\^\((.*)\)\$$", r"\1", shape["pattern"])


def identifier(name):
    """StreamARN -> stream_arn, MaxRecordSizeInKiB -> max_record_size_in_kib."""
    name = name.replace("KiB", "Kib").replace("MiBps", "Mibps")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class Tables:
    def __init__(self, shapes):
        self.shapes = shapes
        self.known = {}
        self.lines = []

    def shape(self, name):
        """The C++ name of a shape, written with what it is made of when it is met first."""
        if name not in self.known:
            self.known[name] = identifier(name) + "_shape"
            self.write(name, self.shapes[name])
        return self.known[name]

    def write(self, name, shape):
        cpp, kind = identifier(name), shape["type"]
        parts = [f".type = Type::{TYPES.get(kind, kind)}"]
        parts += [f".{limit} = {shape[limit]}" for limit in ("min", "max") if limit in shape]
        if "pattern" in shape:
            self.lines.append(f'constexpr char {cpp}_regex[] = R"({pattern_of(shape)})";')
            self.lines.append(f"constexpr Shape::Pattern {cpp}_pattern{{{cpp}_regex, matches<{cpp}_regex>}};")
            parts.append(f".pattern = &{cpp}_pattern")
        if "enum" in shape:
            values = ", ".join(f'"{value}"' for value in shape["enum"])
            self.lines.append(f"constexpr std::string_view {cpp}_values[] = {{{values}}};")
            parts.append(f".values = {cpp}_values")
        if kind == "map":
            parts.append(f".key = &{self.shape(shape['key']['shape'])}")
            parts.append(f".element = &{self.shape(shape['value']['shape'])}")
        if kind == "list":
            parts.append(f".element = &{self.shape(shape['member']['shape'])}")
        if kind == "structure" and shape["members"]:
            required = shape.get("required", []) + REQUIRED.get(name, [])
            fields = ", ".join(
                f'{{"{member}", &{self.shape(what["shape"])}{", true" if member in required else ""}}}'
                for member, what in shape["members"].items()
            )
            self.lines.append(f"constexpr Field {cpp}_fields[] = {{{fields}}};")
            parts.append(f".fields = {cpp}_fields")
        self.lines.append(f"constexpr Shape {cpp}_shape{{{', '.join(parts)}}};")


def generate():
    model = botocore.loaders.Loader().load_service_model("kinesis", "service-2", "2013-12-02")
    tables = Tables(model["shapes"])
    rows = []
    for name in ACTIONS:
        rows.append(f'{{"{name}", &{tables.shape(model["operations"][name]["input"]["shape"])}}},')
    return (
        HEAD
        + "\n".join(tables.lines)
        + "\n\nconstexpr Action all[] = {\n"
        + "\n".join(rows)
        + "\n};\n\n"
        + FOOT
    )


def without_space(text):
    return re.sub(r"\s+", "", text)


def main():
    wanted = generate()
    if sys.argv[1:] == ["--check"]:
        if without_space(TARGET.read_text()) == without_space(wanted):
            return 0
        print(f"{TARGET} differs from botocore's model: run tools/kinesis_model.py")
        return 1
    TARGET.write_text(wanted)
    subprocess.run(["clang-format-14", "-i", TARGET], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
