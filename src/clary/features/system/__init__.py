"""What the server says about itself: public facts for clients, health, readiness. Changes nothing."""
