import pytest

from plimsoll.errors import UsageError
from plimsoll.images import ROLES, image, role_of


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_found_again_in_its_image_wherever_that_lies(role):
    assert role_of(image(role)) == role
    assert role_of(f"eu.example.dev:5000/acme/plimsoll/{role}@sha256:{'0' * 64}") == role
    assert role_of(f"plimsoll/{role}") == role


@pytest.mark.parametrize(
    "other", ["python:3.11", "acme/data:1", "plimsoll/other:1", "xplimsoll/data"]
)
def test_images_of_others_have_no_role(other):
    assert role_of(other) is None


def test_an_unknown_role_lists_the_valid_ones():
    with pytest.raises(UsageError, match="did you mean 'serve'"):
        image("server")
