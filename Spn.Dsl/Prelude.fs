namespace Spn
