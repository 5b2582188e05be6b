"""What the attacker wants (``objectives``, ``aim``), knows (``knowledge``) and may do (``places``): the ``threat``."""
