"""Keys that are bound in a line of text, run in the order of typing."""

from textual.widget import Widget


async def run_bound(widget: Widget, key: str) -> bool:
    """Run what a key is bound to in this widget; tells whether that was anything.

    Left to Textual, a key that is bound goes up to the app before its action is run: characters typed right behind it
    would overtake it.
    """
    bound = widget.screen.active_bindings.get(key)
    return bound is not None and bound.node is widget and await widget.app.run_action(bound.binding.action, widget)
