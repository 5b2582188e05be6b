"""Tables of the user's own: CSV, Parquet, data frames; read exactly or refused in one sentence."""
