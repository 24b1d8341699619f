"""The digits example's files, which ``accel demo`` runs; installed as ``accel.digits``."""
