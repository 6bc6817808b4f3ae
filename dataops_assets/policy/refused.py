"""The error for what is not understood. None of that is judged: a guess would be an access that nobody sees."""


class Refused(ValueError):
    """A policy or a request says something that this package does not know.

    Args:
        policy: The name of the policy; `request` for the request itself.
        statement: The statement in it, as `statement 2 (Sid)`; empty if it is about the whole.
        element: The element, as `Condition` or `context`.
        message: What is not understood.
        remedy: What to write instead.
    """

    def __init__(self, policy: str, statement: str, element: str, message: str, remedy: str):
        self.policy, self.statement, self.element, self.message, self.remedy = policy, statement, element, message, remedy
        super().__init__(f"{', '.join(filter(None, (policy, statement, element)))}: {message}\n    remedy: {remedy}")
