"""Text that others wrote, such as the names of files, made fit for a terminal."""

import unicodedata


def safe(text: str) -> str:
    """Return a text in which nothing can steer a terminal or break a line.

    Control characters, those that turn the direction of writing, and bytes that are no UTF-8 are shown as escapes.
    """
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )
