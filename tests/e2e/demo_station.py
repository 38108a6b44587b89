"""A demo station with everybody signed in; made once and copied for every test."""
import os
import shutil
import subprocess

import pytest

from conftest import BINARY, Clinic

ROLES = ("patient", "doctor", "researcher", "admin")


class Demo(Clinic):
    """demo("doctor", "results", "list"): as that person; None: nobody."""

    def __call__(self, who, *args, env=None, **kwargs):
        return super().__call__(*args, env=self.token(who) | (env or {}), **kwargs)

    def token(self, who):
        return {"CLINIC_TOKEN_FILE": str(self.home / f"{who}.token")} if who else {}


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("demo")
    clinic = Clinic(home)
    clinic("init", "--demo", expect=0, timeout=120)
    for role in ROLES:
        reader, writer = os.pipe()
        os.write(writer, f"demo-{role}\n".encode())
        os.close(writer)
        os.set_inheritable(reader, True)
        subprocess.run([BINARY, "login", "--username", role, "--token-file", home / f"{role}.token", "--password-fd",
                        str(reader)], env=clinic.env, pass_fds=[reader], check=True, capture_output=True)
        os.close(reader)
    return home


@pytest.fixture
def demo(demo_home, tmp_path):
    shutil.copytree(demo_home, tmp_path, dirs_exist_ok=True)
    return Demo(tmp_path)
