"""What others take into designs and programs of their own; see the README."""
