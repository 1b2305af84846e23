#r "../Spn.Host/bin/Release/net10.0/Spn.Core.dll"
#r "../Spn.Host/bin/Release/net10.0/Spn.Dsl.dll"
#r "../Spn.Host/bin/Release/net10.0/Argu.dll"
