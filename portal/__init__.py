"""The login portal: hosted pages to sign up and log in, and an OpenID provider for the apps behind them."""

__version__ = "0.1.0"
