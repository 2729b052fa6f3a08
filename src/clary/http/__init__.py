"""What every route shares: envelope, problem rendering, admission, body limits, paging, cookies, console files.

Never names a feature. Who a caller is comes through the `Authenticator` port.
"""
