"""What others take into designs and programs of their own."""
