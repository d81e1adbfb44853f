"""Coding agents as they are, in front of models of every dialect: each is asked once, calls a tool, is given what came of it and
says the last word. Exit status 1 when one of them does not get there. Arguments: the program, a folder with the agents' programs."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import run
from provider import AFTER_TOOL

ASKED = "How is the weather in Tartu?"
TIMEOUT = 120


def claude(base, upstream, home):
    """Messages, with betas, thinking and cache marks."""
    more = {"ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": "none"}
    more["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
    return ["claude", "--print", ASKED, "--model", f"pointsman/{upstream}"], more


def codex(base, upstream, home):
    """Responses, nothing kept at the provider."""
    settings = {"model": f'"pointsman/{upstream}"', "model_provider": '"local"', "model_providers.local.name": '"local"',
                "model_providers.local.base_url": f'"{base}/v1"', "model_providers.local.wire_api": '"responses"',
                "model_providers.local.request_max_retries": "0", "model_providers.local.stream_max_retries": "0",
                "web_search": '"disabled"'}
    if upstream != "responses":
        # Its tools for sub-agents come in a group, for which other APIs have no word.
        settings["features.multi_agent"] = "false"
    options = [word for key, value in settings.items() for word in ("--config", f"{key}={value}")]
    return ["codex", "exec", "--skip-git-repo-check", "--sandbox", "read-only", *options, ASKED], {"CODEX_HOME": home}


def opencode(base, upstream, home):
    """Chat, by the `ai` library."""
    provider = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": f"{base}/v1", "apiKey": "none"},
                "models": {f"pointsman/{upstream}": {}}}
    with open(f"{home}/opencode.json", "w") as file:
        json.dump({"provider": {"local": provider}, "share": "disabled", "autoupdate": False}, file)
    return ["opencode", "run", "--model", f"local/pointsman/{upstream}", ASKED], {"OPENCODE_CONFIG": f"{home}/opencode.json"}


def ask(agent, base, upstream, folder):
    """What the agent says last, or what went wrong."""
    with tempfile.TemporaryDirectory() as home:
        command, more = agent(base, upstream, home)
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TERM", "SSL_CERT_FILE") if key in os.environ}
        environment = {**kept, "PATH": f"{folder}:{kept['PATH']}", "HOME": home, **more}
        try:
            done = subprocess.run(command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired as late:
            return f"no end after {TIMEOUT} s: {late.stdout} {late.stderr}"
    said = done.stdout.strip()
    return "" if done.returncode == 0 and AFTER_TOOL in said else f"{done.returncode}: {said[-800:]} {done.stderr[-1600:]}"


def main():
    program, folder = sys.argv[1:3]
    failed = missing = 0
    with run.running(program) as (base, admin, _):
        print(f"{'agent':10} {'upstream':10} {'calls':>5}")
        for agent in (claude, codex, opencode):
            if not shutil.which(agent.__name__, path=f"{folder}:{os.environ['PATH']}"):
                print(f"SKIPPED: {agent.__name__} is not on this machine", file=sys.stderr)
                missing += 1
                continue
            for upstream in ("openai", "anthropic", "gemini", *(["responses"] if agent is codex else [])):
                before = calls(admin)
                wrong = ask(agent, base, upstream, folder)
                failed += bool(wrong)
                print(f"{agent.__name__:10} {upstream:10} {calls(admin) - before:5} {wrong or 'ok'}", flush=True)
    sys.exit(1 if failed or missing == 3 else 0)


def calls(admin):
    """How many requests the proxy has served."""
    page = urllib.request.urlopen(f"{admin}/metrics").read().decode()
    lines = [line for line in page.splitlines() if line.startswith("pointsman_requests_total")]
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


if __name__ == "__main__":
    main()
