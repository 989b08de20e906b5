"""A model on a server as a `TextGenerator`. The only part of the program that knows such servers.

Nothing is sent anywhere but to the address that the user named.
"""
