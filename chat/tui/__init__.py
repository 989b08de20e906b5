"""The terminal UI: a conversation about pictures on one screen. Import `chat.tui.app` to run it."""
