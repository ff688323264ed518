"""The look-ahead audit: detects candidates that used data they had not paid for."""
