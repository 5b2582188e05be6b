"""The ``threat`` model: what she wants (``objectives``, ``aim``), ``knowledge``, and ``places`` of her rows."""
