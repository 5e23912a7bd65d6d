"""Where sktime is missing; tests/neighbours has the tests with it."""

from child import run_code


def test_an_error_names_the_extra():
    run_code("""
import sys
import grukit.interchange
assert "sktime" not in sys.modules
sys.modules["sktime"] = None                # as where it is not installed
try:
    import grukit.interchange.sktime
except ImportError as error:
    assert str(error) == "grukit.interchange.sktime needs the package sktime: pip install 'grukit[sktime]'", error
else:
    raise AssertionError("It was imported.")
""")
