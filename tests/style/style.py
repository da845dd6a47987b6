#!/usr/bin/env python3
"""Rules of docs/HACKING.md that a machine can check. Python's standard library only.

usage: style.py CHECK     CHECK is a name below, or "list"

Each finding is one line, file:line: what is wrong. Exit 1 when there is one.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARIES = ["base", "messaging", "http", "protocol", "store"]
PROCESSES = [
    "load_balancer", "distributor_worker", "manufacturer_hub", "manufacturer", "customer_gateway",
]
TOOLS = ["bench", "control"]
FILE_LINES_MAX = 400
LINE_COLUMNS_MAX = 100

# Folder -> folders that it may include, itself apart. Exceptions are named with their reason.
MAY_INCLUDE = {
    "base": [],
    "messaging": ["base"],
    "protocol": ["base"],
    "http": ["base", "protocol"],  # problem.*: the one table of problems and their HTTP statuses
    "store": ["base", "protocol"],
    **{name: LIBRARIES for name in PROCESSES},
    # one_process: gateway and worker without what is between them, to compare with
    "bench": LIBRARIES + ["customer_gateway", "distributor_worker"],
    "control": LIBRARIES + ["bench", "manufacturer"],  # replay is the load engine, import the agent
    "tests": LIBRARIES + PROCESSES + TOOLS + ["tests"],
}

# Header prefix of an outside library -> files that may include it.
HOMES = {
    # bench: zmq_proxy, to compare with; the test: ZAP handlers that are not ours
    "zmq": r"messaging/|bench/balancer_bench|tests/unit/messaging/security_test",
    "boost/beast": r"http/",
    "hiredis": r"store/|control/audit",
    "yaml-cpp": r"base/(config|yaml)\.",
    "sodium": r"base/crypto\.cpp",
    "spdlog": r"base/log\.cpp",
    "prometheus": r"base/metrics\.cpp",
    "date/": r"(base|manufacturer_hub)/",
    "kainjow": r"customer_gateway/",
}


def tracked(*suffixes):
    """Files that git knows or would add, as paths relative to the root."""
    out = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
        check=True, capture_output=True, text=True).stdout
    paths = [p for p in out.split("\0") if p and (ROOT / p).is_file()]
    return sorted(p for p in paths if not suffixes or p.endswith(suffixes))


def lines_of(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace").splitlines()


def includes_of(path):
    for number, line in enumerate(lines_of(path), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match[1] == '"', match[2]


def check_format(_):
    tool = shutil.which("clang-format") or sys.exit("clang-format is not installed")
    for path in tracked(".cpp", ".hpp"):
        done = subprocess.run([tool, "--dry-run", "--Werror", ROOT / path],
                              capture_output=True, text=True)
        if done.returncode:
            first = done.stderr.splitlines()[0]
            line = re.search(r":(\d+):\d+:", first)
            yield f"{path}:{line[1] if line else 1}: not as clang-format lays it out"


def check_includes(_):
    for path in tracked(".cpp", ".hpp"):
        folder = path.split("/")[0]
        for number, own, header in includes_of(path):
            target = header.split("/")[0]
            if not own or target not in MAY_INCLUDE or target == folder:
                continue
            if target not in MAY_INCLUDE.get(folder, []):
                yield f"{path}:{number}: {folder}/ must not include {target}/"
            elif path.startswith("control/audit") and target not in ("base", "control"):
                yield f"{path}:{number}: the audit shares no code with what it checks ({target}/)"


def check_homes(_):
    for path in tracked(".cpp", ".hpp"):
        if path.startswith("bench/peers/"):
            continue
        for number, own, header in includes_of(path):
            for library, home in HOMES.items():
                if not own and header.startswith(library) and not re.match(home, path):
                    yield f"{path}:{number}: <{header}> has its one home elsewhere ({home})"


def check_sizes(_):
    for path in tracked(".cpp", ".hpp", ".lua", ".js", ".mjs", ".css", ".py", ".sh"):
        lines = lines_of(path)
        if len(lines) > FILE_LINES_MAX:
            yield f"{path}:{len(lines)}: more than {FILE_LINES_MAX} lines; split it"
        for number, line in enumerate(lines, 1):
            if len(line) > LINE_COLUMNS_MAX:
                yield f"{path}:{number}: {len(line)} columns, {LINE_COLUMNS_MAX} at most"


def check_dead(_):
    """Each .cpp stands in its folder's CMakeLists.txt; each header is included by somebody."""
    included = set()
    for path in tracked(".cpp", ".hpp"):
        included.update(header for _, own, header in includes_of(path) if own)
    for path in tracked(".cpp", ".lua"):
        if path.startswith("bench/peers/") and path.endswith(".lua"):
            continue  # nginx and Redis read them as they are
        folder = (ROOT / path).parent
        lists = [f / "CMakeLists.txt" for f in (folder, folder.parent)]
        text = "".join(f.read_text() for f in lists if f.is_file())
        name = pathlib.Path(path).name
        if not re.search(rf"(^|[\s/]){re.escape(name)}\b", text):
            yield f"{path}:1: in no CMakeLists.txt"
    for path in tracked(".hpp"):
        if path not in included:
            yield f"{path}:1: included by nobody"


def check_links(_):
    """Relative links of the documents lead to files, and their anchors to headings."""
    def anchors(path):
        found = set()
        for line in lines_of(path):
            heading = re.match(r"#+\s+(.*)", line)
            if heading:
                text = re.sub(r"[`*]", "", heading[1]).strip().lower()
                found.add(re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text)))
        return found

    for path in tracked(".md"):
        for number, line in enumerate(lines_of(path), 1):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, anchor = target.partition("#")
                there = (ROOT / path).parent / file if file else ROOT / path
                if not there.exists():
                    yield f"{path}:{number}: {target}: there is no such file"
                elif anchor and there.suffix == ".md":
                    if anchor not in anchors(there.resolve().relative_to(ROOT)):
                        yield f"{path}:{number}: {target}: there is no such heading"


def check_sources(_):
    """What a Source: comment cites of our documents, docs/X.md, "Words", stands there."""
    for path in tracked(".hpp", ".cpp"):
        for number, line in enumerate(lines_of(path), 1):
            if not line.startswith("// Source:"):
                continue
            for file, cited in re.findall(r'(docs/\w+\.md)((?:, "[^"]+")*)', line):
                text = (ROOT / file).read_text() if (ROOT / file).exists() else ""
                for words in re.findall(r'"([^"]+)"', cited):
                    if words not in text:
                        yield f"{path}:{number}: {file} has no \"{words}\""
                if not text:
                    yield f"{path}:{number}: there is no {file}"


# Keys that stand in the reference and wait for what will read them: key -> the issue.
def config_bindings():
    text = "\n".join(lines_of("base/config.cpp"))
    return re.findall(r't\.\w+(?:<[\w:]+>)?\(\s*"([a-z_.]+)",\s*c\.([\w.]+)', text)


def check_config(_):
    """config.yml shows every key that the program knows and no other; each is used by somebody."""
    bindings = config_bindings()
    if len(bindings) < 20:
        yield "base/config.cpp:1: the table of keys was not found; mend this check"
    known = {key for key, _ in bindings}
    shown, section = {}, ""
    for number, line in enumerate(lines_of("config.yml"), 1):
        # A key that is shown with its default stands behind "#" without a blank: "#  count: 2".
        match = re.match(r"#?( *)([a-z_]+):(\s|$)", line)
        if not match or line.startswith("# "):
            continue
        indent, name = len(match[1]), match[2]
        if indent == 0 and re.search(rf"^{name}\.", "\n".join(known), re.M):
            section = name
        elif indent == 0:
            section, shown[name] = "", number
        elif indent == 2 and section:
            shown[f"{section}.{name}"] = number
    for key in sorted(known - set(shown)):
        yield f"config.yml:1: does not show {key}"
    for key in sorted(set(shown) - known):
        yield f"config.yml:{shown[key]}: {key} is a key that nobody reads"
    product = "\n".join(
        "\n".join(lines_of(p)) for p in tracked(".cpp", ".hpp")
        if not p.startswith("tests/") and p != "base/config.hpp")
    product = re.sub(r't\.\w+(?:<[\w:]+>)?\(\s*"[^;]*;', "", product)
    for key, member in bindings:
        used = re.search(rf"\b{member.split('.')[-1]}\b", product)
        if not used:
            yield f"base/config.cpp:1: {key} is read from the file and then used by nobody"


def check_todo(_):
    for path in tracked(".cpp", ".hpp", ".lua", ".js", ".mjs", ".py", ".sh", "CMakeLists.txt"):
        if path == "tests/style/style.py":
            continue
        for number, line in enumerate(lines_of(path), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line) and not re.search(r"TODO\(#\d+\)", line):
                yield f"{path}:{number}: a TODO names its issue: TODO(#12): ..."


def check_tests(_):
    """Tests wait for conditions; they neither sleep nor are switched off, and are there."""
    for path in tracked(".cpp", ".hpp", ".js", ".mjs"):
        if not path.startswith("tests/"):
            continue
        for number, line in enumerate(lines_of(path), 1):
            if re.search(r"\b(sleep_for|sleep_until|usleep|nanosleep|waitForTimeout)\b", line):
                yield f"{path}:{number}: a sleep; wait for the condition (tests/support/wait.hpp)"
            if re.search(r"\bDISABLED_|\btest\.(skip|only|fixme)\b", line):
                yield f"{path}:{number}: a test that is switched off"
        # CTest is content with a program that has none.
        if path.endswith("_test.cpp") and not any(
                re.match(r"(TYPED_)?TEST(_F|_P)?\(|RC_GTEST", line) for line in lines_of(path)):
            yield f"{path}:1: no test in it"


def check_points(_):
    """The programs of the release build, where there is one, know nothing of fault points."""
    names = {b"DEPOT_FAULT_POINTS"}
    for path in tracked(".cpp"):
        if path.startswith("tests/"):
            continue
        for line in lines_of(path):
            names.update(name.encode() for name in re.findall(r'fault_point\("([\w.]+)"\)', line))
    if len(names) < 2:
        yield "tests/style/style.py:1: no fault point was found; mend this check"
    for program in sorted((ROOT / "build/release/bin").glob("depot*")):
        bytes_of = program.read_bytes()
        for name in sorted(name for name in names if name in bytes_of):
            yield f"build/release/bin/{program.name}:1: has the fault point {name.decode()}"


def check_tidy(options):
    tool = shutil.which("clang-tidy") or sys.exit("clang-tidy is not installed")
    # A few sources as one, as builds have them: that takes a third of the time.
    build = ROOT / "build/tidy"
    done = subprocess.run(
        ["cmake", "--preset", "tsan", "-B", build, "-DCMAKE_CXX_COMPILER_LAUNCHER="],
        cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"cannot configure {build}: {done.stderr[-1000:]}")
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))

    def run(path):
        # g++'s own warnings and its sanitizers' flags mean nothing to clang.
        done = subprocess.run(
            [tool, "-p", build, "--quiet", "--extra-arg=-Wno-everything",
             "--checks=-bugprone-suspicious-include", path],
            capture_output=True, text=True)
        found = re.findall(r"^(\S+?:\d+):\d+: (?:error|warning): (.*)$", done.stdout, re.M)
        if done.returncode and not found:
            return [f"{path}:1: clang-tidy failed: {done.stderr.strip()[-300:]}"]
        return [f"{where.removeprefix(str(ROOT) + '/')}: {what}" for where, what in found]

    # Sources are headers to clang here; what is generated has no style; tests need not be fast.
    unwanted = re.compile(r"^build/|\.cpp:.*\[google-global-names-in-headers|"
                          r"^tests/.*\[performance-inefficient-vector-operation")
    findings = set()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(run, [command["file"] for command in commands]):
            findings.update(each for each in found if not unwanted.search(each))
    yield from sorted(findings)


def check_budget(_):
    """Prints how large the product is. The sizes are for the reader; this never fails."""
    def count(paths):
        return sum(len(lines_of(p)) for p in paths)

    def count_code(paths):
        return sum(not re.match(r"\s*(//|--|$)", line) for p in paths for line in lines_of(p))
    product = [p for p in tracked(".cpp", ".hpp") if not re.match("tests/|bench/peers/", p)]
    groups = {}
    for path in product:
        groups.setdefault(path.split("/")[0], []).append(path)
    for folder, paths in sorted(groups.items()):
        print(f"  {folder:20} {count(paths):7,} lines {count_code(paths):7,} of code")
    print(f"product, C++           {count(product):7,} lines {count_code(product):7,} of code")
    lua = [p for p in tracked(".lua") if not p.startswith("bench/peers/")]
    print(f"product, Lua           {count(lua):7,} lines {count_code(lua):7,} of code")
    web = [p for p in tracked(".js", ".mjs", ".css") if not re.match("tests/|bench/peers/", p)]
    print(f"product, JS and CSS    {count(web):7,} lines")
    tests = [p for p in tracked(".cpp", ".hpp", ".py", ".js", ".mjs") if p.startswith("tests/")]
    print(f"tests                  {count(tests):7,} lines")
    return iter(())


def main():
    checks = {name.removeprefix("check_"): function
              for name, function in globals().items() if name.startswith("check_")}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("check", choices=[*checks, "list"])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.check == "list":
        print("\n".join(checks))
        return 0
    findings = list(checks[options.check](options))
    for finding in findings:
        print(finding)
    print(f"{options.check}: {len(findings)} finding(s)")
    return 1 if findings else 0


sys.exit(main())
